//! Reading and printing: places, what Go's reader takes, and that printing loses nothing.

use proptest::prelude::*;

use super::read;
use crate::seccomp::{
    condition::{Condition, Operator},
    dialects::{
        docker::{
            ActionName, ArchMapping, Argument, Conditions, Indent, KernelVersion, Profile, Rule,
            print,
            vocabulary::{CAPABILITIES, FLAGS, NATIVE_ARCHES, arch_words},
        },
        placed::Placed,
    },
    finding::Level,
};

fn findings(text: &str) -> Vec<String> {
    read(text.as_bytes())
        .findings
        .iter()
        .map(|finding| format!("{} {}", finding.place.unwrap(), finding.code))
        .collect()
}

#[test]
fn null_is_as_good_as_absent_wherever_go_takes_it() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": null, "archMap": null,
        "architectures": null, "flags": null, "listenerPath": null, "syscalls": [
        {"names": ["read"], "name": null, "action": "SCMP_ACT_ALLOW", "errnoRet": null,
         "args": null, "comment": null, "includes": null,
         "excludes": {"caps": null, "arches": null, "minKernel": null}}]}"#;
    let reading = read(text.as_bytes());
    assert_eq!(reading.findings, []);
    let rule = Rule::of(ActionName::Allow, ["read"]);
    assert_eq!(
        reading.value,
        Some(Profile {
            default_action: Some(ActionName::Errno.into()),
            syscalls: vec![rule],
            ..Profile::default()
        })
    );
    assert_eq!(
        read(b"{\"syscalls\": null}").value,
        Some(Profile::default())
    );
}

#[test]
fn case_is_folded_as_go_does_and_told() {
    let text = "{\"DEFAULTACTION\": \"SCMP_ACT_LOG\", \"\u{17f}y\u{17f}calls\": [], \"fLags\": []}";
    assert_eq!(
        findings(text),
        ["1:2 field-case", "1:35 field-case", "1:51 field-case"]
    );
    let profile = read(text.as_bytes()).value.unwrap();
    assert_eq!(profile.default_action, Some(ActionName::Log.into()));
    assert_eq!(profile.flags, Some(Vec::new()));
}

#[test]
fn of_a_doubled_field_the_last_counts() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_ERRNO"}"#;
    assert_eq!(findings(text), ["1:37 duplicate-field"]);
    let profile = read(text.as_bytes()).value.unwrap();
    assert_eq!(profile.default_action, Some(ActionName::Errno.into()));
}

#[test]
fn every_part_knows_its_place() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\"syscalls\": [\n{\"names\": [\"read\",\n \
                \"write\"], \"action\":\n\"SCMP_ACT_ALLOW\"}]}";
    let profile = read(text.as_bytes()).value.unwrap();
    let rule = &profile.syscalls[0];
    let places = [
        rule.begins.place,
        rule.names[1].place,
        rule.action.place,
        profile.default_action.unwrap().place,
    ];
    assert_eq!(
        places.map(|place| place.unwrap().to_string()),
        ["3:1", "4:2", "5:1", "1:19"]
    );
}

#[test]
fn many_findings_are_cut_short_and_an_error_among_them_still_counts() {
    let unknown = "{\"x\": 1}, ".repeat(2000);
    let text = format!("{{\"defaultAction\": \"SCMP_ACT_LOG\", \"syscalls\": [{unknown} 5]}}");
    let reading = read(text.as_bytes());
    assert_eq!(reading.value, None);
    assert_eq!(reading.findings.len(), 501);
    let last = reading.findings.last().unwrap();
    assert_eq!((last.code, last.level), ("more-findings", Level::Error));
    assert_eq!(last.what, "3501 more findings are left out");
}

#[test]
fn tabs_indent_as_spaces_do() {
    let profile = Profile {
        default_action: Some(ActionName::Log.into()),
        syscalls: vec![Rule {
            comment: "  two\n  lines".to_owned(),
            ..Rule::of(ActionName::Errno, ["read"])
        }],
        ..Profile::default()
    };
    assert_eq!(
        print(&profile, Indent::Tab),
        "{\n\t\"defaultAction\": \"SCMP_ACT_LOG\",\n\t\"syscalls\": [\n\t\t{\n\t\t\t\"names\": \
         [\n\t\t\t\t\"read\"\n\t\t\t],\n\t\t\t\"action\": \"SCMP_ACT_ERRNO\",\n\t\t\t\"comment\": \
         \"  two\\n  lines\"\n\t\t}\n\t]\n}\n"
    );
}

fn words(of: Vec<&'static str>) -> impl Strategy<Value = Vec<Placed<String>>> {
    proptest::collection::vec(proptest::sample::select(of).prop_map(Placed::from), 0..4)
}

fn text() -> impl Strategy<Value = Option<Placed<String>>> {
    proptest::option::of("\\PC{1,8}".prop_map(Placed::from))
}

fn number() -> impl Strategy<Value = Option<Placed<u64>>> {
    proptest::option::of(any::<u64>().prop_map(Placed::from))
}

fn action() -> impl Strategy<Value = Placed<ActionName>> {
    proptest::sample::select(ActionName::ALL.to_vec()).prop_map(Placed::from)
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let version = (any::<u8>(), any::<u8>())
        .prop_map(|(kernel, major)| Placed::from(KernelVersion { kernel, major }));
    (
        words(CAPABILITIES.to_vec()),
        words(NATIVE_ARCHES.to_vec()),
        proptest::option::of(version),
    )
        .prop_map(|(caps, arches, min_kernel)| Conditions {
            caps,
            arches,
            min_kernel,
        })
}

fn argument() -> impl Strategy<Value = Argument> {
    (
        0u8..6,
        any::<u64>(),
        prop_oneof![0u64..3, any::<u64>()],
        proptest::sample::select(Operator::ALL.to_vec()),
    )
        .prop_map(|(index, value, value_two, operator)| {
            Argument::from(Condition {
                index,
                operator,
                value,
                value_two,
            })
        })
}

fn rule() -> impl Strategy<Value = Rule> {
    (
        text(),
        words(vec!["read", "write", "clone", "nonsense", ""]),
        action(),
        number(),
        text(),
        proptest::collection::vec(argument(), 0..3),
        "\\PC{0,8}",
        (conditions(), conditions()),
    )
        .prop_map(
            |(name, names, action, errno_ret, errno, args, comment, (includes, excludes))| Rule {
                begins: Placed::default(),
                name,
                names,
                action,
                errno_ret,
                errno,
                args,
                comment,
                includes,
                excludes,
            },
        )
}

fn profile() -> impl Strategy<Value = Profile> {
    let mapping = (
        proptest::sample::select(arch_words().collect::<Vec<_>>()),
        words(arch_words().collect()),
    )
        .prop_map(|(architecture, sub_architectures)| ArchMapping {
            architecture: architecture.into(),
            sub_architectures,
        });
    (
        proptest::option::of(action()),
        (number(), text(), text(), text()),
        words(arch_words().collect()),
        proptest::collection::vec(mapping, 0..3),
        proptest::option::of(words(FLAGS.to_vec())),
        proptest::collection::vec(rule(), 0..4),
    )
        .prop_map(
            |(default_action, texts, architectures, arch_map, flags, syscalls)| Profile {
                default_action,
                default_errno_ret: texts.0,
                default_errno: texts.1,
                architectures,
                arch_map,
                flags,
                listener_path: texts.2,
                listener_metadata: texts.3,
                syscalls,
            },
        )
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(profile in profile()) {
        for indent in [Indent::Spaces, Indent::Tab] {
            let text = print(&profile, indent);
            let reading = read(text.as_bytes());
            prop_assert_eq!(reading.value.as_ref(), Some(&profile), "{:?}", reading.findings);
            prop_assert_eq!(print(&profile, indent), text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        text in r#"(\{|\}|\[|\]|,|:|"(names?|action|args|index|op|includes|minKernel|syscalls|4\.8)"|null|-?[0-9]{1,3}){0,24}"#,
    ) {
        let reading = read(text.as_bytes());
        let failed = reading.findings.iter().any(|finding| finding.level == Level::Error);
        prop_assert!(reading.value.is_some() || failed);
    }
}
