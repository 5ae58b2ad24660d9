//! `profilectl explain`: why a call is in a container's profile, or is not.

use std::fmt::Write;

use super::{
    args::ExplainArgs,
    beside,
    clock::{absolute, now_ms},
    coverage,
    exit::{ExitStatus, Failure},
    format::Format,
    printable::{elided, printable, wrapped},
    table::WIDTH,
    terminal::{Terminal, Tone},
    wording,
};
use crate::{
    api::{
        client::{Client, ClientError},
        protocol::{Detail, Explanation, Reason},
    },
    profile::{abi::Abi, observation::Refusal, table},
    seccomp::facts::{
        purpose::purpose,
        spelling::{choice, nearest},
    },
};

/// Where the facts begin.
const MARGIN: usize = 14;

pub(super) async fn run(
    args: &ExplainArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    if let Some(image) = args.container.strip_prefix("image:")
        && args.syscall.is_none()
    {
        let calls = client.explain_image(image, None).await?;
        match args.format {
            Format::Json => terminal.print_json(&calls)?,
            Format::Table => terminal.print(&coverage::lines(&calls, now_ms()))?,
        }
    } else if let Some(call) = &args.syscall {
        let calls = one(client, &args.container, call).await?;
        match args.format {
            Format::Json => terminal.print_json(&calls)?,
            Format::Table => terminal.print(&evidence(&calls, *terminal))?,
        }
    } else {
        let detail = client.show(&args.container).await?;
        match args.format {
            Format::Json => terminal.print_json(&detail.calls)?,
            Format::Table if detail.calls.is_empty() => {
                terminal.remark("no call of this container was recorded yet");
            }
            Format::Table => terminal.print(&lines(&detail, *terminal))?,
        }
    }
    beside::tell(&args.container, client, terminal).await;
    Ok(ExitStatus::Done)
}

/// One call, or the names that may have been meant.
async fn one(client: &Client, container: &str, call: &str) -> Result<Vec<Explanation>, Failure> {
    let image = container.strip_prefix("image:");
    let answer = match image {
        Some(image) => client.explain_image(image, Some(call)).await,
        None => client.explain(container, call).await,
    };
    let message = match answer {
        Ok(calls) if !calls.is_empty() => return Ok(calls),
        Ok(_) => format!("there is no system call named {call}"),
        Err(ClientError::Bad(message) | ClientError::NotFound(message)) => message,
        Err(error) => return Err(error.into()),
    };
    // Both names come in one request; the container's is asked for alone to tell which is wrong.
    match image {
        Some(image) => drop(client.explain_image(image, None).await?),
        None => drop(client.show(container).await?),
    }
    let names = Abi::ALL.into_iter().flat_map(table::calls);
    let near = nearest(call, names.filter_map(table::name));
    let meant = match near.as_slice() {
        [] => String::new(),
        near => format!("; did you mean {}?", choice(near)),
    };
    let message = message.trim_end_matches('.');
    Err(Failure::new(
        ExitStatus::BadInput,
        format!("{message}{meant}"),
    ))
}

/// All calls, a line each.
fn lines(detail: &Detail, terminal: Terminal) -> String {
    let rows: Vec<(String, String, String)> = detail
        .calls
        .iter()
        .map(|call| {
            (
                printable(&wording::qualified(&call.abi, &call.name)),
                printable(&wording::verdict(&call.verdict)),
                gist(call),
            )
        })
        .collect();
    let widest = |length: fn(&(String, String, String)) -> usize| {
        rows.iter().map(length).max().unwrap_or_default()
    };
    let names = widest(|row| row.0.chars().count()).clamp(4, 32);
    let verdicts = widest(|row| row.1.chars().count()).clamp(7, 18);
    let room = WIDTH - names - verdicts - 4;
    let heading = format!("{:<names$}  {:<verdicts$}  WHY", "CALL", "VERDICT");
    let mut text = terminal.tint(Tone::Heading, &heading) + "\n";
    for (name, verdict, why) in rows {
        let name = elided(&name, names);
        let verdict = format!("{:<verdicts$}", elided(&verdict, verdicts));
        let verdict = terminal.tint(tone(&verdict), &verdict);
        let _ = writeln!(text, "{name:<names$}  {verdict}  {}", elided(&why, room));
    }
    text
}

fn tone(verdict: &str) -> Tone {
    if verdict.starts_with("allowed") {
        Tone::Good
    } else if verdict.starts_with("refused") {
        Tone::Bad
    } else {
        Tone::Doubtful
    }
}

/// Why, in a few words.
fn gist(call: &Explanation) -> String {
    match (&call.first, call.refusals.as_slice()) {
        (_, [first, ..]) if !call.observed => {
            let by = who(first.by_runtime, first.exe.as_deref(), &first.comm);
            format!("{}, asked by {by}", wording::refusals(&call.refusals))
        }
        (Some(first), _) if call.observed && call.reasons.first() == Some(&Reason::Observed) => {
            format!("made by {}", who(false, first.exe.as_deref(), &first.comm))
        }
        _ => call
            .reasons
            .first()
            .map_or("the profile has no reason to allow it", |&reason| {
                wording::reason(reason)
            })
            .to_owned(),
    }
}

fn who<'a>(by_runtime: bool, exe: Option<&'a str>, comm: &'a str) -> &'a str {
    if by_runtime {
        "the runtime"
    } else {
        exe.unwrap_or(comm)
    }
}

/// Everything that is known of one call, a paragraph an ABI.
fn evidence(calls: &[Explanation], terminal: Terminal) -> String {
    let paragraphs: Vec<String> = calls
        .iter()
        .map(|call| {
            let verdict = wording::verdict(&call.verdict);
            let mut text = format!(
                "{}: {} in an exported profile\n",
                terminal.tint(
                    Tone::Heading,
                    &printable(&format!("{} ({}, number {})", call.name, call.abi, call.nr))
                ),
                terminal.tint(tone(&verdict), &printable(&verdict)),
            );
            for (label, line) in facts(call) {
                let gap = MARGIN - 4;
                let line = wrapped(&printable(&line), MARGIN, WIDTH);
                let _ = writeln!(text, "  {label:<gap$}  {line}");
            }
            text
        })
        .collect();
    paragraphs.join("\n")
}

/// Lines with labels; a line without one goes on with what the line before it tells of.
fn facts(call: &Explanation) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(purpose) = purpose(&call.name) {
        facts.push(("what", purpose.to_owned()));
    }
    for (place, &reason) in call.reasons.iter().enumerate() {
        let label = if place == 0 { "why" } else { "" };
        facts.push((label, wording::reason(reason).to_owned()));
    }
    if call.reasons.is_empty() {
        facts.push(("why", "nothing gave a reason to allow it".to_owned()));
    }
    if let Some(first) = &call.first {
        facts.push(("first seen", absolute(first.at_ms)));
        facts.push(("", caller(first.exe.as_deref(), &first.comm, first.pid)));
        facts.push(("", wording::session(first.session)));
    } else if call.observed {
        let unknown = "when and by whom was not recorded";
        facts.push(("first seen", unknown.to_owned()));
    } else {
        let never = "never from the container's own programs";
        facts.push(("first seen", never.to_owned()));
    }
    if let Some(origins) = wording::origins(&call.origins) {
        facts.push(("made during", origins));
    }
    if let Some(tally) = call.tally {
        let calls = wording::counted(tally.calls, "call", "calls");
        let errors = wording::counted(tally.errors, "error", "errors");
        facts.push(("counted", format!("{calls}, {errors}")));
    }
    for refusal in &call.refusals {
        facts.extend(refused(refusal));
    }
    if let Some(coverage) = &call.coverage {
        facts.extend(coverage::facts(coverage, now_ms()));
    }
    facts
}

fn refused(refusal: &Refusal) -> [(&'static str, String); 3] {
    let with = wording::refused_with(refusal.with);
    let whose = if refusal.by_runtime {
        ", to the runtime"
    } else {
        ""
    };
    let (first, last) = (absolute(refusal.first_ms), absolute(refusal.last_ms));
    [
        (
            "refused",
            format!("{with} {}{whose}", wording::times(refusal.count)),
        ),
        ("", format!("first {first}, last {last}")),
        (
            "",
            caller(refusal.exe.as_deref(), &refusal.comm, refusal.pid),
        ),
    ]
}

fn caller(exe: Option<&str>, comm: &str, pid: u32) -> String {
    let exe = exe.unwrap_or("an unknown executable");
    format!("by {exe} (comm {comm}, pid {pid})")
}
