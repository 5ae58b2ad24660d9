//! Findings about what is loaded for a container, in words.
//!
//! Pure: nothing here asks or prints.

use std::fmt::Write as _;

use super::{
    policy_wording::{answer_named, arguments},
    printable::{printable, wrapped},
    table::WIDTH,
    wording::counted,
};
use crate::audit::loaded::{Differing, Gravity, LoadedFinding};

/// A paragraph a finding: its reason, and the calls that show it.
pub(super) fn findings(list: &[LoadedFinding]) -> String {
    let mut text = String::new();
    for finding in list {
        let word = match finding.gravity {
            Gravity::Warning => "warning",
            Gravity::Note => "note",
        };
        let line = format!(
            "{word}: {} [{}]",
            printable(&finding.text),
            printable(&finding.code)
        );
        let count = finding.calls.len() as u64 + finding.more;
        // With what errno a call is refused is of little interest.
        if finding.gravity == Gravity::Note && count > 0 {
            let count = counted(count, "call or range", "calls and ranges");
            let line = format!("{line}: {count}");
            let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
            continue;
        }
        let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
        for call in &finding.calls {
            let _ = writeln!(text, "    {}", wrapped(&differing(call), 6, WIDTH));
        }
        if finding.more > 0 {
            let more = counted(finding.more, "more call or range", "more calls and ranges");
            let _ = writeln!(text, "    and {more}");
        }
    }
    text
}

/// `socket(40): allow → errno 1 (EPERM)`
fn differing(one: &Differing) -> String {
    let args = if one.args == [0; 6] {
        String::new()
    } else {
        format!("({})", arguments(one.args))
    };
    format!(
        "{}{args}: {} → {}",
        printable(&one.call),
        answer_named(&one.asked),
        answer_named(&one.loaded)
    )
}
