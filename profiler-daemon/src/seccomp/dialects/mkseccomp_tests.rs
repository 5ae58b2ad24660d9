//! The old list: what the script takes of it, and round trips.

use proptest::prelude::*;

use super::*;
use crate::seccomp::dialects::any_policy;

#[test]
fn only_lines_that_begin_with_a_name_count() {
    let text = b"/* read\n * write\nopen */\n// Files\naccess   // (*)\n\n//chroot\n  close\n#ifdef X\nread write\naccess\nmmap2\nopne /* x */\n";
    let reading = read(text, Arch::X86_64);
    assert_eq!(
        reading.value.unwrap().rules[0].names,
        ["access", "read", "mmap2", "opne"]
    );
    let told: Vec<(String, &str)> = reading
        .findings
        .iter()
        .map(|finding| (finding.place.unwrap().to_string(), finding.code))
        .collect();
    let expected = [
        ("8:3", "ignored-text"),
        ("9:1", "ignored-text"),
        ("10:6", "ignored-text"),
        ("12:1", "other-architecture"),
        ("13:1", "unknown-call"),
    ];
    assert_eq!(told, expected.map(|(place, code)| (place.to_owned(), code)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn anything_is_read_to_a_value_or_an_error(
        text in any_policy::text(&["read", "write", "//", "/*", "*/", "_llseek", "# "]),
    ) {
        prop_assert!(any_policy::is_sound(&read(&text, Arch::X86_64)));
    }

    #[test]
    fn what_is_printed_reads_back_and_errs_on_the_strict_side(
        policy in any_policy::policy(), arguments in any_policy::arguments(),
    ) {
        for leaning in [Leaning::Stricter, Leaning::Looser] {
            let Some(text) = print(&policy, leaning).value else { continue };
            let back = any_policy::reads_back(
                &text,
                |text| read(text, Arch::X86_64),
                |policy| print(policy, leaning),
            );
            if leaning == Leaning::Stricter {
                prop_assert!(any_policy::is_no_looser(&back, &policy, arguments), "{text}");
            }
        }
    }
}
