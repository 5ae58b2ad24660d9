//! `profilectl status`: how the daemon is, the verdict first.

use std::fmt::Write;

use super::{
    args::StatusArgs,
    clock::{absolute, ago, now_ms},
    exit::{ExitStatus, Failure},
    format::Format,
    printable::{printable, wrapped},
    table::WIDTH,
    terminal::{Terminal, Tone},
    wording::counted,
};
use crate::api::{
    client::Client,
    protocol::{Health, Loss, Status},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Where the values begin.
const MARGIN: usize = 14;

pub(super) async fn run(
    args: &StatusArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let status = client.status().await?;
    match args.format {
        Format::Json => terminal.print_json(&status)?,
        Format::Table => terminal.print(&page(&status, *terminal, now_ms()))?,
    }
    Ok(match status.health {
        Health::Healthy => ExitStatus::Done,
        Health::Degraded | Health::Failed => ExitStatus::Found,
    })
}

fn page(status: &Status, terminal: Terminal, now_ms: u64) -> String {
    let verdict = match status.health {
        Health::Healthy => terminal.tint(Tone::Good, "healthy"),
        Health::Degraded => terminal.tint(Tone::Doubtful, "degraded"),
        Health::Failed => terminal.tint(Tone::Bad, "failed"),
    };
    let mut text = format!("profilerd {}: {verdict}\n", printable(&status.version));
    for reason in &status.reasons {
        let _ = writeln!(text, "  - {}", wrapped(&printable(reason), 4, WIDTH));
    }
    text.push('\n');
    for (label, value) in facts(status, now_ms) {
        let gap = MARGIN - 2;
        let value = wrapped(&printable(&value), MARGIN, WIDTH);
        let _ = writeln!(text, "{label:<gap$}  {value}");
    }
    text
}

fn facts(status: &Status, now_ms: u64) -> Vec<(&'static str, String)> {
    let since = |at_ms| format!("{} ({})", absolute(at_ms), ago(now_ms, at_ms));
    let switch = |on| if on { "on" } else { "off" };
    let mut facts = vec![
        ("hooks", status.hooks.clone()),
        (
            "recording",
            format!("since {}", since(status.recording_since_ms)),
        ),
        ("daemon", format!("since {}", since(status.started_ms))),
        ("counting", switch(status.counting).to_owned()),
        ("arguments", switch(status.arguments).to_owned()),
        ("docker", status.docker.clone()),
        (
            "containers",
            format!("{}, {} running", status.containers, status.running),
        ),
        (
            "cgroups",
            format!("{} of {} slots", status.cgroups, status.cgroups_limit),
        ),
        ("memory", mebibytes(status.memory_bytes)),
    ];
    if let Some(store) = &status.store {
        facts.push((
            "store",
            format!(
                "{}, {} in {}{}",
                counted(store.versions, "version", "versions"),
                mebibytes(store.bytes),
                store.path,
                store.shut.as_ref().map_or("", |_| "; nothing is kept now")
            ),
        ));
    }
    if let Some(records) = &status.records {
        facts.push((
            "records",
            format!(
                "{} that ended, {} imported ({} of {}); the newest {} of each are kept, for {}",
                records.ended,
                records.imported,
                mebibytes(records.imported_bytes),
                mebibytes(records.most_imported_bytes),
                records.most,
                counted(records.most_age_ms / DAY_MS, "day", "days"),
            ),
        ));
    }
    let losses: Vec<&Loss> = status.losses.iter().filter(|loss| loss.count > 0).collect();
    if losses.is_empty() {
        facts.push(("lost", "nothing".to_owned()));
    }
    for (place, loss) in losses.into_iter().enumerate() {
        let kind = if loss.loses_calls {
            "calls"
        } else {
            "news only"
        };
        facts.push((
            if place == 0 { "lost" } else { "" },
            format!("{} {} ({kind}): {}", loss.count, loss.cause, loss.meaning),
        ));
    }
    facts
}

/// Bytes with one decimal: `18.4 MiB`.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
