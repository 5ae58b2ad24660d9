//! `profilectl watch`: news as they happen.

use tokio::signal::unix::{SignalKind, signal};

use super::{
    args::{Format, WatchArgs},
    clock::time_of_day,
    exit::{ExitStatus, Failure},
    printable::{elided, printable},
    terminal::{Terminal, Tone},
    wording,
};
use crate::api::{
    client::{Client, News, Watch},
    protocol::Event,
};

pub(super) async fn run(
    args: &WatchArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let unable = |error| Failure::new(ExitStatus::Unreachable, format!("cannot watch: {error}"));
    let mut interrupted = signal(SignalKind::interrupt()).map_err(unable)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(unable)?;
    let work = async {
        let wanted = match &args.container {
            Some(container) => Some(client.show(container).await?.summary.identity.id),
            None => None,
        };
        let news = client.watch().await?;
        follow(news, args, wanted.as_deref(), terminal).await
    };
    tokio::select! {
        ended = work => ended,
        _ = interrupted.recv() => Ok(ExitStatus::Done),
        _ = terminated.recv() => Ok(ExitStatus::Done),
    }
}

async fn follow(
    mut news: Watch,
    args: &WatchArgs,
    wanted: Option<&str>,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    while let Some(news) = news.next().await? {
        if !concerns(&news, wanted) {
            continue;
        }
        match (args.format, &news.event) {
            (Format::Json, _) => terminal.print(&format!("{}\n", news.line))?,
            (Format::Table, Some(event)) => terminal.print(&line(event, *terminal))?,
            (Format::Table, None) => terminal.remark(&format!(
                "profilerd says something that this version does not know: {}",
                news.line
            )),
        }
    }
    Err(Failure::new(
        ExitStatus::Unreachable,
        "profilerd ended the stream: it has stopped or restarted; watch again once it is back",
    ))
}

/// Losses concern everybody: whoever watches one container must know that news went missing.
fn concerns(news: &News, wanted: Option<&str>) -> bool {
    match (wanted, &news.event) {
        (Some(wanted), Some(Event::Container { id, .. } | Event::Call { id, .. })) => id == wanted,
        _ => true,
    }
}

fn line(event: &Event, terminal: Terminal) -> String {
    match event {
        Event::Container {
            at_ms,
            name,
            change,
            ..
        } => format!(
            "{}  {:<20}  {}\n",
            time_of_day(*at_ms),
            elided(name, 20),
            terminal.tint(Tone::Heading, &printable(change))
        ),
        Event::Call {
            name,
            abi,
            call,
            refused,
            first,
            ..
        } => {
            let by = first.exe.as_deref().unwrap_or(&first.comm);
            let outcome = match refused {
                None => elided(by, 25),
                Some(with) => terminal.tint(
                    Tone::Bad,
                    &elided(&format!("refused: {}", wording::refused_with(*with)), 25),
                ),
            };
            format!(
                "{}  {:<20}  {:<20}  {outcome}\n",
                time_of_day(first.at_ms),
                elided(name, 20),
                elided(&wording::qualified(abi, call), 20)
            )
        }
        Event::Loss { at_ms, cause, more } => format!(
            "{}  {}\n",
            time_of_day(*at_ms),
            terminal.tint(Tone::Bad, &format!("{more} lost: {}", elided(cause, 40)))
        ),
    }
}
