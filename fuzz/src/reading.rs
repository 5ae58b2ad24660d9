//! What holds for every reading of every text, and round trips through what is printed of it.

use crate::filter;
use crate::seccomp::{
    arch::Arch,
    dialects::{
        docker::{
            self, Indent, Profile,
            resolve::{Circumstances, Resolved, resolve},
        },
        lxc, mkseccomp, oci,
        printed::Leaning,
        spo, systemd,
    },
    finding::{Finding, Level, Reading},
    lints,
    policy::Policy,
};

/// A kernel as good as any.
pub const KERNEL: (u32, u32) = (6, 1);

/// Longest sentence of a finding, in bytes: words of the text are quoted shortened.
const LONGEST: usize = 3000;

/// Holds a reading against its text: no value without an error, and findings that are few, short and
/// within the text.
pub fn check<T>(text: &[u8], reading: &Reading<T>) {
    let failed = reading
        .findings
        .iter()
        .any(|finding| finding.level == Level::Error);
    assert!(
        reading.value.is_some() || failed,
        "nothing, without a reason"
    );
    assert!(reading.findings.len() <= 501);
    for finding in &reading.findings {
        check_finding(text, finding);
    }
}

fn check_finding(text: &[u8], finding: &Finding) {
    assert!(
        !finding.what.is_empty() && finding.what.len() <= LONGEST,
        "{finding:?}"
    );
    assert!(finding.mend.len() <= LONGEST, "{finding:?}");
    let Some(place) = finding.place else { return };
    let line = text
        .split(|byte| *byte == b'\n')
        .nth(place.line as usize - 1)
        .unwrap_or_else(|| panic!("beyond the text: {finding:?}"));
    let width = line.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    // The end of a line is a place, too.
    assert!(
        (1..=width + 1).contains(&(place.column as usize)),
        "{width}: {finding:?}"
    );
}

/// As [`check`], of a reader whose errors leave no value.
pub fn check_strictly<T>(text: &[u8], reading: &Reading<T>) {
    check(text, reading);
    let failed = reading
        .findings
        .iter()
        .any(|finding| finding.level == Level::Error);
    assert_eq!(failed, reading.value.is_none());
}

/// A profile that was read prints and reads back as itself, in both forms; its traps have places.
pub fn check_profile(text: &[u8], profile: &Profile) {
    for indent in [Indent::Spaces, Indent::Tab] {
        let printed = docker::print(profile, indent);
        let back = docker::read(printed.as_bytes());
        assert_eq!(back.value.as_ref(), Some(profile), "{printed}");
    }
    if let Ok(printed) = oci::print(profile, Indent::Spaces) {
        let back = oci::read(printed.as_bytes());
        check(printed.as_bytes(), &back);
        let again = back.value.map(|back| oci::print(&back, Indent::Spaces));
        assert_eq!(again, Some(Ok(printed)));
    }
    for finding in lints::check(profile, &lints::Facts::NONE) {
        check_finding(text, &finding);
    }
}

type Print = fn(&Policy, Leaning) -> Reading<String>;
type Read = fn(&[u8], Arch) -> Reading<Policy>;

/// Every dialect that has rules, and its way back.
const DIALECTS: [(Print, Read); 4] = [
    (lxc::v1::print, lxc::read),
    (lxc::v2::print, lxc::read),
    (systemd::print, systemd::read),
    (mkseccomp::print, mkseccomp::read),
];

/// The machine that a text is read for: inputs are many, so each is read for one.
#[must_use]
pub fn native(text: &[u8]) -> Arch {
    if filter::seed(text).is_multiple_of(4) {
        Arch::Aarch64
    } else {
        Arch::X86_64
    }
}

/// What a policy prints as in any dialect reads there, and prints the same again. As a profile of
/// Docker's it is the same policy. The seed chooses how printers lean.
pub fn check_policy(policy: &Policy, seed: u64) {
    let leaning = if seed & 0x10 == 0 {
        Leaning::Stricter
    } else {
        Leaning::Looser
    };
    for (print, read) in DIALECTS {
        let printed = print(policy, leaning);
        check(b"", &without_places(&printed));
        let Some(text) = printed.value else { continue };
        let back = read(text.as_bytes(), policy.native);
        check_strictly(text.as_bytes(), &back);
        let Some(back) = back.value else {
            panic!("{text}{:?}", back.findings);
        };
        let again = print(&back, leaning);
        assert_eq!(again.value.as_ref(), Some(&text), "{:?}", again.findings);
        let twice = read(text.as_bytes(), policy.native).value;
        assert_eq!(twice.as_ref(), Some(&back));
    }
    check(b"", &without_places(&spo::print(policy, "web")));
    let profile = Profile::from(policy);
    let printed = docker::print(&profile, Indent::Spaces);
    let back = docker::read(printed.as_bytes());
    assert_eq!(back.value.as_ref(), Some(&profile), "{printed}");
    let circumstances = Circumstances::usual(policy.native, KERNEL);
    match resolve(&profile, &circumstances) {
        Ok(Resolved::Filter(filter)) => {
            assert_eq!(
                crate::meanings::without_trap_data(&filter.policy),
                crate::meanings::without_trap_data(policy)
            );
        }
        other => panic!("{other:?}"),
    }
}

/// A printer speaks of the policy, which has no places.
fn without_places(printed: &Reading<String>) -> Reading<()> {
    assert!(
        printed
            .findings
            .iter()
            .all(|finding| finding.place.is_none())
    );
    Reading {
        value: printed.value.as_ref().map(|_| ()),
        findings: printed.findings.clone(),
    }
}
