//! A difference for people: by what became of each call, a line a call with what it is for.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    abis::by_abis,
    line::{Line, Sorted},
};
use crate::{
    ctl::{
        policy_wording::{answer, arguments, cases},
        printable::{printable, wrapped},
        table::WIDTH,
        terminal::{Terminal, Tone},
        wording::counted,
    },
    seccomp::{difference::Group, facts::purpose::purpose, summary::Standing},
};

/// Calls that change alike and get a line each; of more, only the names are told.
const MOST_ROWS: usize = 30;

pub(super) fn text(before: &str, after: &str, lines: &[Line], terminal: Terminal) -> String {
    let mut groups: BTreeMap<Group, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        groups.entry(line.group).or_default().push(line);
    }
    let mut text = format!("{} → {}\n", printable(before), printable(after));
    for (group, lines) in groups {
        let (title, tone) = heading(group);
        let title = wrapped(&format!("{title} ({})", count(&lines)), 2, WIDTH);
        let _ = writeln!(text, "\n{}", terminal.tint(tone, &title));
        let (by_arguments, always): (Vec<&Line>, Vec<&Line>) =
            lines.into_iter().partition(|line| line.is_conditional());
        text.push_str(&whatever_arguments(&always));
        text.push_str(&by_their_arguments(&by_arguments));
    }
    text
}

const fn heading(group: Group) -> (&'static str, Tone) {
    match group {
        Group::Added => ("added: let through now, not before", Tone::Bad),
        Group::Removed => ("removed: not let through any more", Tone::Good),
        Group::Tightened => (
            "tightened: fewer arguments, or a stricter answer",
            Tone::Good,
        ),
        Group::Loosened => (
            "loosened: more arguments, or a less strict answer",
            Tone::Bad,
        ),
        Group::Changed => (
            "changed: stricter with some arguments, looser with others",
            Tone::Doubtful,
        ),
        Group::Errno => (
            "errno: as strict as before, with another number",
            Tone::Heading,
        ),
    }
}

/// `2 calls`, `9 calls, 3 number ranges`; a call of several ABIs counts once.
fn count(lines: &[&Line]) -> String {
    let mut subjects: Vec<Sorted> = lines.iter().map(|line| line.sorted()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let nameless = subjects.iter().filter(|(is_nameless, ..)| *is_nameless);
    let nameless = nameless.count() as u64;
    let named = subjects.len() as u64 - nameless;
    let parts = [
        (named, "call", "calls"),
        (nameless, "number or range", "numbers and ranges"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| counted(number, one, many))
        .collect();
    parts.join(", ")
}

/// Those that are answered alike, whatever their arguments.
fn whatever_arguments(lines: &[&Line]) -> String {
    let mut alike: BTreeMap<(String, String), Vec<&Line>> = BTreeMap::new();
    for line in lines {
        if let (Standing::Always(before), Standing::Always(after)) = (&line.before, &line.after) {
            let answers = (answer(*before), answer(*after));
            alike.entry(answers).or_default().push(line);
        }
    }
    let mut text = String::new();
    for ((before, after), lines) in alike {
        for shared in by_abis(&lines) {
            let _ = writeln!(text, "  {}: {before} → {after}", shared.abis);
            if shared.most.is_empty() && shared.named.len() <= MOST_ROWS {
                let width = widest(&shared.named);
                for name in &shared.named {
                    text.push_str(&row(name, width));
                }
                if !shared.nameless.is_empty() {
                    let list = shared.nameless.join(", ");
                    let _ = writeln!(text, "    {}", wrapped(&list, 4, WIDTH));
                }
            } else {
                let _ = writeln!(text, "    {}", wrapped(&shared.list(), 4, WIDTH));
            }
        }
    }
    text
}

/// Those whose arguments decide, before or after, each with all its cases and an example.
fn by_their_arguments(lines: &[&Line]) -> String {
    // One name under several ABIs is told once.
    let mut alike: BTreeMap<(Sorted, String), Vec<&Line>> = BTreeMap::new();
    for line in lines {
        let key = (line.sorted(), sides(line));
        alike.entry(key).or_default().push(line);
    }
    let mut blocks: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (((_, _, subject), mut details), lines) in alike {
        if let Some(line) = lines.iter().find(|line| line.arch.is_some()) {
            let _ = writeln!(
                details,
                "      as in {subject}({}): {} → {}",
                arguments(line.witness),
                answer(line.answered),
                answer(line.answers)
            );
        }
        for shared in by_abis(&lines) {
            let block = blocks.entry(shared.abis).or_default();
            block.push((subject.clone(), details.clone()));
        }
    }
    let mut text = String::new();
    for (abis, calls) in blocks {
        let _ = writeln!(text, "  {abis}: by its arguments");
        for (subject, details) in calls {
            text.push_str(&row(&subject, subject.len()));
            text.push_str(&details);
        }
    }
    text
}

fn widest(names: &[String]) -> usize {
    names.iter().map(String::len).max().unwrap_or_default()
}

/// `    ptrace  look into and change another process`, the names as wide as that.
fn row(name: &str, width: usize) -> String {
    match purpose(name) {
        Some(purpose) => {
            let purpose = wrapped(purpose, width + 6, WIDTH);
            format!("    {name:<width$}  {purpose}\n")
        }
        None => format!("    {name}\n"),
    }
}

fn sides(line: &Line) -> String {
    let mut text = String::new();
    for (side, standing) in [("before", &line.before), ("after", &line.after)] {
        match standing {
            Standing::Always(action) => {
                let _ = writeln!(text, "      {side}: {}", answer(*action));
            }
            Standing::Conditional(list) => {
                let _ = writeln!(text, "      {side}:");
                text.push_str(&cases(list, "        "));
            }
        }
    }
    text
}
