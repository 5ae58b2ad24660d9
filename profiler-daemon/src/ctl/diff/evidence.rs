//! Who brought a call into a recorded profile: the program that made it first, in which container, when.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use super::line::Line;
use crate::{
    api::{client::Client, protocol::Explanation},
    ctl::{
        clock::absolute,
        operand::is_file,
        printable::{printable, wrapped},
        table::WIDTH,
        version_of,
        wording::qualified,
    },
    profile::version::{Change, Changed, Subject},
    seccomp::difference::Direction,
};

/// Calls that the table names.
const MOST_SHOWN: usize = 20;

/// What is known of the calls of one operand, by ABI and number; nothing of what was not recorded.
#[derive(Default)]
pub(super) struct Evidence(BTreeMap<(String, u32), Who>);

struct Who {
    /// The container's name, or the beginning of its id; none if it is not known any more.
    container: Option<String>,
    /// The executable, or what the caller called itself.
    exe: String,
    at_ms: u64,
}

impl Evidence {
    /// Asks the daemon about a container, an image, or a version of either. That there is no answer
    /// is no failure: the difference stands without it.
    pub(super) async fn of(operand: &str, client: &Client) -> Self {
        let known = matches!(operand, "-" | "docker-default" | "unconfined");
        if known || is_file(operand) || operand.starts_with("active:") {
            return Self::default();
        }
        match version_of::named(operand) {
            Subject::Container(name) => match client.show(&name).await {
                Ok(detail) => {
                    let name = detail.summary.identity.display_name().to_owned();
                    Self::read(detail.calls, |_| Some(name.clone()))
                }
                Err(_) => Self::default(),
            },
            Subject::Image(name) => {
                let calls = client.explain_image(&name, None).await.unwrap_or_default();
                let mut known = Self::read(calls, |_| None);
                // Versions know the container too, as long as they are kept.
                if let Ok(history) = client.history(&Subject::Image(name)).await {
                    let versions = history.versions.iter().rev();
                    known.take_in(versions.flat_map(|version| &version.changes));
                }
                known
            }
        }
    }

    fn read(calls: Vec<Explanation>, container: impl Fn(&Explanation) -> Option<String>) -> Self {
        let known = calls.into_iter().filter_map(|call| {
            let container = container(&call);
            let first = call.first?;
            let who = Who {
                container,
                exe: first.exe.unwrap_or(first.comm),
                at_ms: first.at_ms,
            };
            Some(((call.abi, call.nr), who))
        });
        Self(known.collect())
    }

    /// What versions say of the calls that were new in them.
    fn take_in<'c>(&mut self, changes: impl Iterator<Item = &'c Change>) {
        for change in changes.filter(|change| change.change == Changed::Added) {
            let (Some(exe), Some(at_ms)) = (&change.exe, change.at_ms) else {
                continue;
            };
            let container = change.container.as_ref();
            let who = Who {
                container: container.map(|id| id.chars().take(12).collect()),
                exe: exe.clone(),
                at_ms,
            };
            self.0.insert((change.abi.clone(), change.nr), who);
        }
    }

    fn who(&self, line: &Line) -> Option<&Who> {
        let (arch, nr) = line.call()?;
        self.0.get(&(arch.name().to_owned(), nr))
    }
}

/// The one whose program brought the difference in: who lets it through.
fn brought<'e>(line: &Line, [before, after]: &'e [Evidence; 2]) -> Option<&'e Who> {
    match line.direction {
        Direction::Tightened => before.who(line),
        Direction::Loosened | Direction::Both | Direction::Answer => after.who(line),
    }
}

/// A line of JSON with its evidence.
pub(super) fn value(line: &Line, evidence: &[Evidence; 2]) -> Value {
    let mut value = line.value();
    value["evidence"] = match brought(line, evidence) {
        Some(who) => json!({
            "container": who.container,
            "exe": who.exe,
            "at_ms": who.at_ms,
        }),
        None => Value::Null,
    };
    value
}

/// `ptrace: /app in web, 2026-11-21 18:54:05Z`; empty if nothing is known.
pub(super) fn text(lines: &[Line], evidence: &[Evidence; 2]) -> String {
    let told: Vec<String> = lines
        .iter()
        .filter_map(|line| {
            let who = brought(line, evidence)?;
            let (arch, _) = line.call()?;
            let place = who.container.as_ref();
            let place = place.map_or_else(String::new, |name| format!(" in {name}"));
            let name = qualified(arch.name(), &line.subject());
            Some(format!(
                "{name}: {}{place}, {}",
                who.exe,
                absolute(who.at_ms)
            ))
        })
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let mut text = "\nmade first by\n".to_owned();
    for line in told.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "  {}", wrapped(&printable(line), 4, WIDTH));
    }
    if told.len() > MOST_SHOWN {
        let left = told.len() - MOST_SHOWN;
        let _ = writeln!(text, "  and {left} more; --format json has all");
    }
    text
}
