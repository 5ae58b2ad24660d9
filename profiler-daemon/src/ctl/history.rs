//! `profilectl history`: the versions of a profile, the newest first, with what changed.

use std::fmt::Write as _;

use super::{
    args::HistoryArgs,
    beside,
    clock::{absolute, span},
    exit::{ExitStatus, Failure},
    format::Format,
    printable::{printable, wrapped},
    table::WIDTH,
    terminal::Terminal,
    version_of,
    wording::{counted, promoted, qualified},
};
use crate::{
    api::{
        client::{Client, ClientError},
        protocol::versions::History,
    },
    profile::{
        discovery::Discovery,
        identity::Origin,
        version::{Author, Change, Changed, Reason, Subject, Version},
        workload::SEPARATOR,
    },
};

/// Calls of one kind that a line names.
const MOST_NAMES: usize = 8;
/// Where the lines of changes begin.
const MARGIN: usize = 9;

pub(super) async fn run(
    args: &HistoryArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let name = &args.target;
    if version_of::parse(name).is_some() {
        return Err(Failure::new(
            ExitStatus::BadInput,
            format!("{name} is one version: name the container or image alone to list all"),
        ));
    }
    let history = fetch(name, client).await?;
    match args.format {
        Format::Json => terminal.print_json(&history)?,
        Format::Table if history.versions.is_empty() => terminal.remark(&format!(
            "{} has no version yet: one is made when it showed nothing new for a while, and when it ends",
            printable(&history.name)
        )),
        Format::Table => terminal.print(&page(&history))?,
    }
    beside::tell(name, client, terminal).await;
    Ok(ExitStatus::Done)
}

/// Without `image:`, a name that no container has is tried as an image's.
async fn fetch(name: &str, client: &Client) -> Result<History, Failure> {
    let subject = version_of::named(name);
    let missing = match client.history(&subject).await {
        Err(error @ ClientError::NotFound(_)) => error,
        history => return Ok(history?),
    };
    if matches!(subject, Subject::Container(_))
        && let Ok(history) = client.history(&Subject::Image(name.to_owned())).await
    {
        return Ok(history);
    }
    Err(missing.into())
}

fn page(history: &History) -> String {
    let count = counted(history.versions.len() as u64, "version", "versions");
    let mut text = format!(
        "{}: {count} of the {} {}\n",
        printable(&history.name),
        history.kind,
        short(&history.id)
    );
    let newest = history.versions.first().map(|version| &version.digest);
    if history.current.is_some() && newest != history.current.as_ref() {
        text.push_str("  more was seen since the newest: it becomes a version soon\n");
    }
    if let Some(found) = &history.discovery {
        for line in discovery(found) {
            let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
        }
    }
    text.push_str("\nVERSION  WHEN                  CALLS  BY\n");
    for version in &history.versions {
        let _ = writeln!(
            text,
            "{:>7}  {}  {:>5}  {}",
            version.number,
            absolute(version.created_ms),
            version.calls,
            by(version)
        );
        for line in changes(version, history.promoted == Some(version.number)) {
            let _ = writeln!(text, "{:MARGIN$}{}", "", wrapped(&line, MARGIN + 2, WIDTH));
        }
    }
    text
}

/// Since when nothing was new, and the curve.
fn discovery(found: &Discovery) -> [String; 2] {
    let since = absolute(found.last_new_ms);
    let verdict = if found.stable {
        format!("stable since {since}")
    } else {
        format!("still learning: the last new call was seen {since}")
    };
    let points: Vec<String> = found
        .steps
        .iter()
        .map(|step| format!("{} within {}", step.calls, span(step.within_ms / 1000)))
        .collect();
    let undated = match found.undated {
        0 => String::new(),
        count => format!("; of {count} more it is not known when"),
    };
    let curve = format!(
        "of {} calls {} of the first{undated}",
        found.calls,
        points.join(", ")
    );
    [verdict, curve]
}

/// An id's beginning, with an entrypoint behind it; what is no id, as it is.
fn short(key: &str) -> String {
    let end = key.find(SEPARATOR).unwrap_or(key.len());
    let (id, entrypoint) = key.split_at(end);
    format!("{}{}", short_id(id), printable(entrypoint))
}

fn short_id(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        digits.chars().take(12).collect()
    } else {
        printable(id)
    }
}

fn by(version: &Version) -> String {
    let author = match version.author {
        Author::Recorder => "recorder",
        Author::Person => "a person",
        Author::Import => "import",
    };
    let reason = match version.reason {
        Reason::Quiet => "nothing new for a while",
        Reason::Due => "new calls kept coming",
        Reason::Ended => "a container ended",
        Reason::Stopped => "the daemon stopped",
        Reason::Started => "the daemon started",
        Reason::Imported => "records were imported",
    };
    format!("{author}: {reason}")
}

/// The host that recorded what was imported, and the file that it came in.
fn origin(origin: &Origin) -> String {
    let host = printable(&origin.host);
    match &origin.file {
        Some(file) => format!("{host} ({})", printable(file)),
        None => host,
    }
}

/// When it was promoted, from where it was brought, and a line for each kind of change, with the executable that brought in the first of it.
fn changes(version: &Version, is_promoted: bool) -> Vec<String> {
    let kinds = [
        (Changed::Added, "+", ""),
        (Changed::Removed, "-", ""),
        (Changed::Refused, "", "refused: "),
        (Changed::Probed, "", "not in this kernel: "),
        (Changed::Runtime, "", "by the runtime: "),
        (Changed::Values, "", "other arguments: "),
    ];
    let mark = version.promoted_ms.map(|at_ms| {
        let is_it = if is_promoted {
            ""
        } else {
            ", and another after it"
        };
        let by = version.promoted_by.as_deref();
        format!("{}{is_it}", promoted(at_ms, by))
    });
    let origins: Vec<String> = version.origins.iter().map(origin).collect();
    let brought = (!origins.is_empty()).then(|| format!("from {}", origins.join(", ")));
    let mut lines: Vec<String> = mark.into_iter().chain(brought).collect();
    for (kind, sign, words) in kinds {
        let found: Vec<&Change> = version
            .changes
            .iter()
            .filter(|change| change.change == kind)
            .collect();
        if found.is_empty() {
            continue;
        }
        let mut named: Vec<String> = found
            .iter()
            .take(MOST_NAMES)
            .map(|change| format!("{sign}{}", qualified(&change.abi, &printable(&change.name))))
            .collect();
        if found.len() > MOST_NAMES {
            named.push(format!("{sign}{} more", found.len() - MOST_NAMES));
        }
        let first = found
            .iter()
            .filter(|change| change.exe.is_some())
            .min_by_key(|change| change.at_ms);
        let who = first.and_then(|change| change.exe.as_deref());
        let who = who.map(|exe| format!(" (first {})", printable(exe)));
        lines.push(format!(
            "{words}{}{}",
            named.join(", "),
            who.unwrap_or_default()
        ));
    }
    lines
}
