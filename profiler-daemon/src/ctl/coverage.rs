//! How many containers of an image made a call, in words for people.

use super::{
    clock::ago,
    printable::printable,
    table::{Align, render},
    wording::{counted, qualified, verdict},
};
use crate::{
    api::protocol::Explanation,
    profile::merge::{CallCoverage, Conflict, Coverage},
};

/// Containers that are named before the rest is only counted.
const MOST_NAMES: usize = 3;

/// All calls of an image, a line each.
pub(super) fn lines(calls: &[Explanation], now_ms: u64) -> String {
    let columns = [
        ("CALL", Align::Left),
        ("VERDICT", Align::Left),
        ("MADE BY", Align::Left),
        ("NEWEST", Align::Left),
        ("WHERE", Align::Left),
    ];
    let rows = calls
        .iter()
        .map(|call| {
            let of = call.coverage.clone().unwrap_or_default();
            vec![
                printable(&qualified(&call.abi, &call.name)),
                printable(&verdict(&call.verdict)),
                format!("{} of {}", of.made_by + of.probed_by, of.of),
                of.last_ms
                    .map_or_else(|| "-".to_owned(), |at_ms| ago(now_ms, at_ms)),
                printable(&place(&of)),
            ]
        })
        .collect();
    render(&columns, rows)
}

/// Where it was made, if not everywhere, and what the containers do not agree in.
fn place(of: &CallCoverage) -> String {
    let mut parts = Vec::new();
    if !of.made_in.is_empty() {
        parts.push(names(&of.made_in));
    }
    if of.refused_by > 0 {
        parts.push(format!("refused in {}", of.refused_by));
    }
    let words = of.conflicts.iter().filter_map(|conflict| match conflict {
        // The number of those that were refused it says so.
        Conflict::RefusedElsewhere => None,
        Conflict::ProbedElsewhere => Some(format!("a probe in {}", of.probed_by)),
        Conflict::ArgumentsUnknown => Some("arguments known in part".to_owned()),
        Conflict::ArgumentsBeyondBound => Some("any arguments".to_owned()),
    });
    parts.extend(words);
    parts.join("; ")
}

/// The facts of one call, for a paragraph on it; those without a label go on with the one before.
pub(super) fn facts(of: &CallCoverage, now_ms: u64) -> Vec<(&'static str, String)> {
    let containers = counted(of.of, "container", "containers");
    let mut first = format!("made by {} of {containers}", of.made_by + of.probed_by);
    if !of.made_in.is_empty() {
        first.push_str(&format!(" ({})", names(&of.made_in)));
    }
    if let Some(at_ms) = of.last_ms {
        first.push_str(&format!("; newest evidence {}", ago(now_ms, at_ms)));
    }
    let mut facts = vec![("coverage", first)];
    if of.probed_by > 0 {
        let probed = counted(of.probed_by, "container", "containers");
        facts.push(("", format!("only ever answered ENOSYS in {probed}")));
    }
    if of.refused_by > 0 {
        let refused = counted(of.refused_by, "container", "containers");
        facts.push(("", format!("refused in {refused}")));
    }
    for conflict in &of.conflicts {
        facts.push(("", told(*conflict).to_owned()));
    }
    facts
}

const fn told(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::RefusedElsewhere => {
            "the containers do not agree: one made it, another's filter refused it"
        }
        Conflict::ProbedElsewhere => {
            "the containers do not agree: a probe for one did its work for another"
        }
        Conflict::ArgumentsUnknown => {
            "its arguments are known of some containers only, so they count as unknown"
        }
        Conflict::ArgumentsBeyondBound => {
            "all containers together used more than 32 combinations of its arguments, so any counts"
        }
    }
}

/// What an export of an image says of it, if there is anything to say of more than one container.
pub(super) fn summary(image: &str, coverage: &Coverage) -> Option<String> {
    if coverage.containers < 2 {
        return None;
    }
    let mut text = format!(
        "all {} containers made {} of {}; {} made by one of them only",
        coverage.containers,
        coverage.by_all,
        counted(coverage.calls, "observed call", "observed calls"),
        counted(coverage.by_one, "call was", "calls were"),
    );
    if coverage.conflicts > 0 {
        let calls = counted(coverage.conflicts, "call", "calls");
        text.push_str(&format!(
            "; they do not agree in {calls} (`profilectl explain image:{image}`)"
        ));
    }
    Some(text)
}

fn names(all: &[String]) -> String {
    let mut text = all
        .iter()
        .take(MOST_NAMES)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let more = all.len().saturating_sub(MOST_NAMES);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
