//! `profilectl list`: the containers, a line each.

use super::{
    args::ListArgs,
    clock::{ago, now_ms},
    exit::{ExitStatus, Failure},
    format::Format,
    printable::printable,
    table::{Align, render},
    terminal::Terminal,
    wording,
};
use crate::{
    api::{client::Client, protocol::Summary},
    profile::identity::Identity,
};

pub(super) async fn run(
    args: &ListArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let mut containers = client.list().await?;
    let known = containers.len();
    containers.retain(|container| container.identity.running || !args.running);
    match args.format {
        Format::Json => terminal.print_json(&containers)?,
        Format::Table if containers.is_empty() => terminal.remark(if known == 0 {
            "profilerd has not seen a container yet: start one, and it is recorded from its first call"
        } else {
            "no container is running; without --running the ones that have ended are listed too"
        }),
        Format::Table => terminal.print(&table(&containers, now_ms()))?,
    }
    Ok(ExitStatus::Done)
}

fn table(containers: &[Summary], now_ms: u64) -> String {
    let columns = [
        ("NAME", Align::Left),
        ("IMAGE", Align::Left),
        ("STATE", Align::Left),
        ("CALLS", Align::Right),
        ("REFUSED", Align::Right),
        ("COMPLETE", Align::Left),
        ("LAST NEW", Align::Left),
    ];
    let rows = containers
        .iter()
        .map(|container| {
            let identity = &container.identity;
            vec![
                printable(identity.display_name()),
                identity
                    .run_as()
                    .map_or_else(|| "-".to_owned(), |image| printable(&image)),
                state(identity).to_owned(),
                container.observed.to_string(),
                container.refused.to_string(),
                printable(&wording::complete(&container.completeness)),
                container
                    .last_new_ms
                    .map_or_else(|| "-".to_owned(), |at_ms| ago(now_ms, at_ms)),
            ]
        })
        .collect();
    render(&columns, rows)
}

/// Whether a container runs, in a word.
pub(super) const fn state(identity: &Identity) -> &'static str {
    if identity.origin.is_some() {
        "imported"
    } else if identity.running {
        "running"
    } else {
        "exited"
    }
}
