//! `profilectl watch`: news as they happen.

use tokio::signal::unix::{SignalKind, signal};

use super::{
    args::WatchArgs,
    clock::time_of_day,
    exit::{ExitStatus, Failure},
    format::Format,
    policy_wording::combination,
    printable::{elided, printable},
    terminal::{Terminal, Tone},
    wording,
};
use crate::{
    api::{
        client::{Client, News, Watch},
        protocol::Event,
    },
    profile::{arguments::Values, observation::RefusedWith},
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
        (
            Some(wanted),
            Some(
                Event::Container { id, .. }
                | Event::Call { id, .. }
                | Event::WouldRefuse { id, .. }
                | Event::Drift { id, .. }
                | Event::Logged { id, .. },
            ),
        ) => id == wanted,
        (Some(wanted), Some(Event::Shadow { target, .. } | Event::Proposed { target, .. })) => {
            target == wanted
        }
        _ => true,
    }
}

/// One event as a line of at most 80 columns.
pub(super) fn line(event: &Event, terminal: Terminal) -> String {
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
            count,
            first,
            ..
        } => {
            let by = first.exe.as_deref().unwrap_or(&first.comm);
            let outcome = match refused {
                None => elided(by, 25),
                Some(with) => terminal.tint(Tone::Bad, &elided(&refused_so(*with, *count), 25)),
            };
            format!(
                "{}  {:<20}  {:<20}  {outcome}\n",
                time_of_day(first.at_ms),
                elided(name, 20),
                elided(&wording::qualified(abi, call), 20)
            )
        }
        Event::WouldRefuse {
            at_ms,
            name,
            abi,
            call,
            answer,
            certain,
            with,
            seen,
            ..
        } => {
            let tone = if *certain { Tone::Bad } else { Tone::Doubtful };
            let outcome = elided(&foretold(answer, *certain), 25);
            format!(
                "{}  {:<20}  {:<20}  {}\n",
                time_of_day(seen.as_ref().map_or(*at_ms, |seen| seen.at_ms)),
                elided(name, 20),
                elided(
                    &with_values(&wording::qualified(abi, call), with.as_ref()),
                    20
                ),
                terminal.tint(tone, &outcome)
            )
        }
        Event::Drift {
            at_ms,
            name,
            abi,
            call,
            refused,
            with,
            first,
            ..
        } => {
            let outcome = match (refused, with.as_ref().and_then(|with| with.seen.as_ref())) {
                (Some(with), _) => format!("drift, refused: {}", wording::refused_with(*with)),
                (None, Some(seen)) => {
                    let count =
                        wording::counted(seen.len() as u64, "new combination", "new combinations");
                    format!("drift: {count}")
                }
                (None, None) => "drift".to_owned(),
            };
            format!(
                "{}  {:<20}  {:<20}  {}\n",
                time_of_day(first.as_ref().map_or(*at_ms, |first| first.at_ms)),
                elided(name, 20),
                elided(
                    &with_values(&wording::qualified(abi, call), with.as_ref()),
                    20
                ),
                terminal.tint(Tone::Bad, &elided(&outcome, 25))
            )
        }
        Event::Proposed {
            at_ms,
            name,
            promoted,
            version,
            ..
        } => format!(
            "{}  {:<20}  {}\n",
            time_of_day(*at_ms),
            elided(name, 20),
            terminal.tint(
                Tone::Heading,
                &format!("version {version} is proposed after {promoted}")
            )
        ),
        Event::Shadow {
            at_ms,
            profile,
            change,
            ..
        } => format!(
            "{}  candidate {} {}\n",
            time_of_day(*at_ms),
            elided(profile, 40),
            terminal.tint(Tone::Heading, &elided(change, 16))
        ),
        Event::Logged {
            at_ms,
            name,
            abi,
            call,
            count,
            ..
        } => {
            let outcome = elided(&format!("logged {}", wording::times(*count)), 25);
            format!(
                "{}  {:<20}  {:<20}  {}\n",
                time_of_day(*at_ms),
                elided(name, 20),
                elided(&wording::qualified(abi, call), 20),
                terminal.tint(Tone::Doubtful, &outcome)
            )
        }
        Event::Loss { at_ms, cause, more } => format!(
            "{}  {}\n",
            time_of_day(*at_ms),
            terminal.tint(Tone::Bad, &format!("{more} lost: {}", elided(cause, 40)))
        ),
    }
}

/// `refused: EPERM`, and from the second time on how often: `refused: EPERM (37 times)`, as far as
/// there is room.
fn refused_so(with: RefusedWith, count: u64) -> String {
    let once = format!("refused: {}", wording::refused_with(with));
    if count < 2 {
        return once;
    }
    let whole = format!("{once} ({})", wording::times(count));
    if whole.chars().count() <= 25 {
        whole
    } else {
        format!("{} {count}×", wording::refused_with(with))
    }
}

/// What a candidate would do, from the answer as it travels: `would refuse: EPERM`, `may kill it`.
pub(super) fn foretold(answer: &str, certain: bool) -> String {
    let verb = if certain { "would" } else { "may" };
    match answer.strip_prefix("errno ").map(str::parse) {
        Some(Ok(number)) => {
            format!(
                "{verb} refuse: {}",
                wording::refused_with(RefusedWith::Errno(number))
            )
        }
        _ if answer.starts_with("kill") => format!("{verb} kill it"),
        _ if answer.starts_with("trap") => format!("{verb} send SIGSYS"),
        _ => format!("{verb} refuse: {answer}"),
    }
}

/// `socket(40, 1)`, where one combination of values decided.
fn with_values(name: &str, values: Option<&Values>) -> String {
    let mut seen = values
        .and_then(|values| values.seen.as_ref())
        .into_iter()
        .flatten();
    match (seen.next(), seen.next()) {
        (Some(one), None) => format!("{name}({})", combination(one)),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Terminal, line};
    use crate::ctl::args::Color;
    use crate::{api::protocol::Event, profile::arguments::Values};

    fn drift(seen: Option<&[[u64; 2]]>) -> String {
        let event = Event::Drift {
            at_ms: 72_845_000,
            id: "3f2a".into(),
            name: "web".into(),
            target: "3f2a".into(),
            promoted: 1,
            abi: "x86_64".into(),
            call: "socket".into(),
            refused: None,
            with: seen.map(|seen| Values {
                places: vec![0, 1],
                seen: Some(seen.iter().map(|one| one.to_vec()).collect()),
            }),
            earlier: false,
            first: None,
        };
        line(&event, Terminal::new(Color::Never))
    }

    #[test]
    fn drift_tells_the_values_if_it_is_of_values() {
        let begin = "20:14:05Z  web                   ";
        assert_eq!(drift(None), format!("{begin}socket                drift\n"));
        assert_eq!(
            drift(Some(&[[38, 5]])),
            format!("{begin}socket(38, 5)         drift: 1 new combination\n")
        );
        assert_eq!(
            drift(Some(&[[16, 3], [38, 5]])),
            format!("{begin}socket                drift: 2 new combinations\n")
        );
    }
}
