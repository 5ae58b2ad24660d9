//! `profilectl show`: all that is known of a container, on a page.

use std::fmt::Write;

use super::{
    args::ShowArgs,
    clock::{absolute, ago, now_ms, span},
    exit::{ExitStatus, Failure},
    format::Format,
    list::state,
    printable::{elided, printable, wrapped},
    table::{Align, WIDTH, render},
    terminal::{Terminal, Tone},
    wording,
};
use crate::{
    api::{
        client::Client,
        protocol::{Detail, Explanation, Reason},
    },
    profile::{completeness::Completeness, identity::Identity, origin::Origin},
};

/// Where the values of the first block begin.
const MARGIN: usize = 14;

pub(super) async fn run(
    args: &ShowArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let detail = client.show(&args.container).await?;
    match args.format {
        Format::Json => terminal.print_json(&detail)?,
        Format::Table => terminal.print(&page(&detail, *terminal, now_ms()))?,
    }
    Ok(ExitStatus::Done)
}

fn page(detail: &Detail, terminal: Terminal, now_ms: u64) -> String {
    let mut text = terminal.tint(
        Tone::Heading,
        &elided(detail.summary.identity.display_name(), WIDTH),
    );
    text.push('\n');
    text.push_str(&identity(detail, now_ms));
    text.push('\n');
    text.push_str(&completeness(&detail.summary.completeness, terminal));
    for (title, wanted) in [
        ("Observed", observed as fn(&Explanation) -> bool),
        ("Made by the runtime under the filter", by_runtime),
    ] {
        text.push_str(&calls(title, &detail.calls, wanted, terminal));
    }
    text.push_str(&origins(detail, terminal));
    text.push_str(&tallies(detail, terminal));
    text.push_str(&refusals(detail, terminal, now_ms));
    text
}

fn identity(detail: &Detail, now_ms: u64) -> String {
    let who = &detail.summary.identity;
    let mut lines = vec![("id", printable(&who.id))];
    if let Some(image) = &who.image {
        let digest = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        let short = digest.get(..12).unwrap_or(digest);
        lines.push(("image", format!("{} ({short})", image.reference)));
    }
    if let Some(other) = &who.entrypoint {
        lines.push(("entrypoint", format!("{other}, not the image's own")));
    }
    lines.push(("made by", made_by(who)));
    lines.push(("state", {
        let mut line = state(who).to_owned();
        if let Some(origin) = &who.origin {
            let _ = write!(
                line,
                " {}, recorded on {}",
                ago(now_ms, origin.imported_ms),
                origin.host
            );
        }
        if let Some(pid) = who.pid.filter(|_| who.running) {
            let _ = write!(line, ", pid {pid}");
        }
        if let Some(at_ms) = who.created_ms {
            let _ = write!(line, ", created {}", absolute(at_ms));
        }
        line
    }));
    lines.push(("filters", filters(detail)));
    lines.push((
        "entries",
        format!(
            "{} (the start, exec sessions, health checks)",
            detail.sessions
        ),
    ));
    let last_new = detail
        .summary
        .last_new_ms
        .map_or_else(|| "never".to_owned(), |at_ms| ago(now_ms, at_ms));
    lines.push(("last new", last_new));
    if let Some(cgroup) = &detail.cgroup {
        lines.push(("cgroup", cgroup.clone()));
    }
    for (key, value) in &who.labels {
        lines.push(("label", format!("{key}={value}")));
    }
    let mut text = String::new();
    for (label, value) in lines {
        let gap = MARGIN - 4;
        let _ = writeln!(text, "  {label:<gap$}  {}", elided(&value, WIDTH - MARGIN));
    }
    text
}

fn made_by(who: &Identity) -> String {
    let mut line = serde_json::to_value(who.engine)
        .ok()
        .and_then(|engine| engine.as_str().map(str::to_owned))
        .unwrap_or_default();
    if let Some(runtime) = &who.runtime {
        let _ = write!(line, " with {}", runtime.name);
        if let Some(version) = &runtime.version {
            let _ = write!(line, " {version}");
        }
    }
    match who.no_new_privileges {
        Some(true) => line.push_str(", no-new-privileges on"),
        Some(false) => line.push_str(", no-new-privileges off"),
        None => {}
    }
    line
}

fn filters(detail: &Detail) -> String {
    match (
        detail.filters.as_slice(),
        detail.summary.identity.unconfined,
    ) {
        ([], Some(true)) => "none: it runs unconfined".to_owned(),
        ([], _) => "none was seen being installed".to_owned(),
        (filters, _) => filters.join(" "),
    }
}

/// The verdict, and the reasons against it as sentences.
pub(super) fn completeness(verdict: &Completeness, terminal: Terminal) -> String {
    let quiet = verdict
        .quiet_s
        .map(|seconds| format!(" (nothing new for {})", span(seconds)))
        .unwrap_or_default();
    if verdict.complete {
        return format!("{}{quiet}\n", terminal.tint(Tone::Good, "Complete"));
    }
    let mut text = format!(
        "{}{quiet}:\n",
        terminal.tint(Tone::Doubtful, "Not complete")
    );
    text.push_str(&shortfalls(verdict));
    text
}

/// The reasons against, a bullet each.
pub(super) fn shortfalls(verdict: &Completeness) -> String {
    let mut text = String::new();
    for shortfall in &verdict.shortfalls {
        let sentence = wrapped(&printable(&shortfall.text), 4, WIDTH);
        let _ = writeln!(text, "  - {sentence}");
    }
    text
}

fn observed(call: &Explanation) -> bool {
    call.observed
}

fn by_runtime(call: &Explanation) -> bool {
    !call.observed && call.reasons.contains(&Reason::RuntimeSeen)
}

/// The calls of one kind, a paragraph an ABI.
fn calls(
    title: &str,
    all: &[Explanation],
    wanted: fn(&Explanation) -> bool,
    terminal: Terminal,
) -> String {
    let mut text = String::new();
    let mut abis: Vec<&str> = Vec::new();
    for call in all {
        if !abis.contains(&call.abi.as_str()) {
            abis.push(&call.abi);
        }
    }
    for abi in abis {
        let names: Vec<String> = all
            .iter()
            .filter(|call| call.abi == abi && wanted(call))
            .map(|call| printable(&call.name))
            .collect();
        if names.is_empty() {
            continue;
        }
        let heading = format!("{title}, {} ({})", printable(abi), names.len());
        let _ = writeln!(
            text,
            "\n{}\n  {}",
            terminal.tint(Tone::Heading, &heading),
            wrapped(&names.join(" "), 2, WIDTH)
        );
    }
    text
}

/// The calls that come from one place only, as far as it is known where calls come from.
fn origins(detail: &Detail, terminal: Terminal) -> String {
    let mut text = String::new();
    for origin in Origin::ALL {
        let names: Vec<String> = detail
            .calls
            .iter()
            .filter(|call| call.origins == [origin])
            .map(|call| printable(&wording::qualified(&call.abi, &call.name)))
            .collect();
        // Where nothing is known, there is nothing to tell apart.
        if names.is_empty() || origin == Origin::Unknown {
            continue;
        }
        let heading = format!("Only during {} ({})", wording::origin(origin), names.len());
        let _ = writeln!(
            text,
            "\n{}\n  {}",
            terminal.tint(Tone::Heading, &heading),
            wrapped(&names.join(" "), 2, WIDTH)
        );
    }
    text
}

/// Calls and errors, the most frequent first, where the daemon counts them.
fn tallies(detail: &Detail, terminal: Terminal) -> String {
    let mut counted: Vec<_> = detail
        .calls
        .iter()
        .filter_map(|call| Some((call, call.tally?)))
        .collect();
    if counted.is_empty() {
        return String::new();
    }
    // The calls are sorted by name, which stays the order of those made equally often.
    counted.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.calls));
    let columns = [
        ("CALL", Align::Left),
        ("CALLS", Align::Right),
        ("ERRORS", Align::Right),
    ];
    let rows = counted
        .into_iter()
        .map(|(call, tally)| {
            vec![
                printable(&wording::qualified(&call.abi, &call.name)),
                tally.calls.to_string(),
                tally.errors.to_string(),
            ]
        })
        .collect();
    let heading = terminal.tint(Tone::Heading, "Counted");
    format!("\n{heading}\n{}", render(&columns, rows))
}

fn refusals(detail: &Detail, terminal: Terminal, now_ms: u64) -> String {
    if detail.refusals.is_empty() {
        return String::new();
    }
    let columns = [
        ("CALL", Align::Left),
        ("GOT", Align::Left),
        ("COUNT", Align::Right),
        ("BY", Align::Left),
        ("FIRST", Align::Left),
        ("LAST", Align::Left),
    ];
    let rows = detail
        .refusals
        .iter()
        .map(|refusal| {
            let by = match (&refusal.exe, refusal.by_runtime) {
                (_, true) => "the runtime".to_owned(),
                (Some(exe), false) => elided(exe, 26),
                (None, false) => printable(&refusal.comm),
            };
            vec![
                printable(&wording::call_name(refusal.call)),
                wording::refused_with(refusal.with),
                refusal.count.to_string(),
                by,
                ago(now_ms, refusal.first_ms),
                ago(now_ms, refusal.last_ms),
            ]
        })
        .collect();
    let heading = terminal.tint(Tone::Heading, "Refused by the active filter");
    format!("\n{heading}\n{}", render(&columns, rows))
}
