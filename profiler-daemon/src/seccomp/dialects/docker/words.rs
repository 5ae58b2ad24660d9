//! Checks a profile's open words: names of calls, architectures, flags, capabilities.
//!
//! Nothing refuses an unknown name: runtimes pass over it, and the profile means less than it
//! seems to.

use super::{
    Conditions, Profile,
    fields::suggested,
    vocabulary::{ARCH_NATIVE, BIG_ENDIAN, CAPABILITIES, FLAGS, NATIVE_ARCHES, arch_words},
};
use crate::seccomp::{
    dialects::placed::Placed,
    facts::{names, spelling::shortened},
    finding::{Findings, Level},
};

/// Adds what there is to say of a profile's words.
pub(super) fn check(profile: &Profile, findings: &mut Findings) {
    for word in &profile.architectures {
        arch(word, findings);
        big_endian(word, findings);
    }
    for line in &profile.arch_map {
        arch(&line.architecture, findings);
        for word in &line.sub_architectures {
            arch(word, findings);
        }
    }
    for flag in profile.flags.iter().flatten() {
        if !FLAGS.contains(&flag.as_str()) {
            findings.add(Level::Error, "unknown-flag", flag.place, || {
                let quoted = shortened(flag);
                (
                    format!(
                        "there is no flag \"{quoted}\"; runc says \"seccomp flag {quoted} is not \
                         known to runc\""
                    ),
                    suggested(flag, &FLAGS),
                )
            });
        }
    }
    for rule in &profile.syscalls {
        for name in rule.all_names() {
            call(name, findings);
        }
        conditions(&rule.includes, "includes", findings);
        conditions(&rule.excludes, "excludes", findings);
    }
}

fn call(name: &Placed<String>, findings: &mut Findings) {
    if name.is_empty() {
        findings.add(Level::Error, "empty-name", name.place, || {
            (
                "a name is empty; runc says \"empty string is not a valid syscall\"".to_owned(),
                "remove it".to_owned(),
            )
        });
    } else if !names::is_known(name) {
        findings.add(Level::Warning, "unknown-call", name.place, || {
            (
                format!(
                    "no system call is called \"{}\"; runtimes pass over it in silence",
                    shortened(name)
                ),
                names::suggestion(name),
            )
        });
    }
}

fn arch(word: &Placed<String>, findings: &mut Findings) {
    if word.as_str() == ARCH_NATIVE {
        findings.add(Level::Error, "native-arch", word.place, || {
            (
                format!(
                    "runc refuses {ARCH_NATIVE}: \"string {ARCH_NATIVE} is not a valid arch for \
                     seccomp\""
                ),
                "remove it: the machine's own architecture is always there".to_owned(),
            )
        });
        return;
    }
    if arch_words().any(|known| known == word.as_str()) {
        return;
    }
    findings.add(Level::Error, "unknown-arch", word.place, || {
        let quoted = shortened(word);
        let bare = quoted.to_ascii_lowercase();
        let alias = match bare.strip_prefix("scmp_arch_").unwrap_or(&bare) {
            "amd64" => Some("SCMP_ARCH_X86_64"),
            "arm64" => Some("SCMP_ARCH_AARCH64"),
            "i386" | "386" => Some("SCMP_ARCH_X86"),
            _ => None,
        };
        let known: Vec<&str> = arch_words().filter(|known| *known != ARCH_NATIVE).collect();
        let mend = match alias {
            Some(alias) => format!("did you mean {alias}?"),
            None => suggested(word, &known),
        };
        (
            format!(
                "there is no architecture \"{quoted}\"; runc says \"string {quoted} is not a \
                 valid arch for seccomp\""
            ),
            mend,
        )
    });
}

fn big_endian(word: &Placed<String>, findings: &mut Findings) {
    if BIG_ENDIAN.contains(&word.as_str()) {
        findings.add(Level::Error, "big-endian-arch", word.place, || {
            (
                format!(
                    "{} stores the greatest byte first; on a machine that does not, as x86 and \
                     ARM, runc says \"error adding architecture to seccomp filter: numerical \
                     argument out of domain\"",
                    word.value
                ),
                "remove it, or put it into \"archMap\" under its own machine's".to_owned(),
            )
        });
    }
}

fn conditions(conditions: &Conditions, field: &str, findings: &mut Findings) {
    for cap in &conditions.caps {
        if !CAPABILITIES.contains(&cap.as_str()) {
            findings.add(Level::Warning, "unknown-capability", cap.place, || {
                let near = suggested(cap, &CAPABILITIES);
                let mend = if near.starts_with("write") {
                    "see capabilities(7)".to_owned()
                } else {
                    near
                };
                (
                    format!(
                        "no container has the capability \"{}\", so it never holds in \"{field}\"",
                        shortened(cap)
                    ),
                    mend,
                )
            });
        }
    }
    let never = |arch: &Placed<String>| !NATIVE_ARCHES.contains(&arch.as_str());
    let all_never = !conditions.arches.is_empty() && conditions.arches.iter().all(never);
    for arch in conditions.arches.iter().filter(|arch| never(arch)) {
        let x32 = arch.as_str() == "x32";
        // Beside amd64 it is idle: Docker's own default has it there.
        let level = if x32 && !all_never {
            Level::Note
        } else {
            Level::Warning
        };
        let code = if x32 {
            "x32-never-native"
        } else {
            "unknown-native-arch"
        };
        findings.add(level, code, arch.place, || {
            let quoted = shortened(arch);
            let what = format!(
                "Docker compares \"{field}\".\"arches\" with the machine's own architecture, and \
                 none is called \"{quoted}\": it never matches"
            );
            let meant = match quoted
                .trim_start_matches("SCMP_ARCH_")
                .to_ascii_lowercase()
                .as_str()
            {
                "x32" | "x86_64" => "write amd64".to_owned(),
                "aarch64" => "write arm64".to_owned(),
                "i386" | "386" | "i686" => "write x86".to_owned(),
                _ => suggested(arch, &NATIVE_ARCHES),
            };
            (what, meant)
        });
    }
}
