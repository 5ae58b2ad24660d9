//! `profilectl audit C --watch --candidate P`: what a candidate would refuse, as it happens.
//!
//! The candidate is attached for as long as this runs, and no longer.

use std::collections::BTreeMap;

use tokio::signal::unix::{SignalKind, signal};

use super::{
    beside,
    circumstances::{circumstances, meaning},
    exit::{ExitStatus, Failure},
    format::Format,
    operand::load,
    printable::{printable, wrapped},
    profile_args::AuditArgs,
    table::WIDTH,
    terminal::{Terminal, Tone},
    watch::{foretold, line},
    wording::{counted, qualified, times},
};
use crate::{
    api::{
        client::{Client, Watch},
        protocol::{Event, shadows::Attach},
    },
    seccomp::filter::words::words,
};

pub(super) async fn run(
    args: &AuditArgs,
    candidate: &str,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let unable = |error| Failure::new(ExitStatus::Unreachable, format!("cannot watch: {error}"));
    let mut interrupted = signal(SignalKind::interrupt()).map_err(unable)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(unable)?;
    let circumstances = circumstances(&args.circumstances)?;
    let meaning = meaning(args.meaning, &args.host)?;
    let operand = load(candidate, client, circumstances.arch).await?;
    operand.warn(terminal);
    let programs = operand.programs(&circumstances, meaning)?;
    let attach = Attach {
        target: args.container.clone(),
        profile: operand.title,
        programs: programs.iter().map(words).collect(),
    };
    let watch = client.watch_shadow(&attach).await?;
    beside::tell(&args.container, client, terminal).await;
    let mut told = Told {
        target: printable(&args.container),
        profile: printable(&attach.profile),
        json: args.format == Format::Json,
        calls: BTreeMap::new(),
    };
    let ended = tokio::select! {
        ended = told.follow(watch, terminal) => Some(ended),
        _ = interrupted.recv() => None,
        _ = terminated.recv() => None,
    };
    if let Some(failure) = ended {
        failure?;
    }
    told.sum_up(terminal)
}

/// What was told so far.
struct Told {
    target: String,
    profile: String,
    json: bool,
    /// By a call's name, what would become of it, and whether that is certain: how often it was told.
    calls: BTreeMap<(String, String, bool), u64>,
}

impl Told {
    async fn follow(&mut self, mut watch: Watch, terminal: &Terminal) -> Result<(), Failure> {
        while let Some(news) = watch.next().await? {
            if let Some(event) = &news.event {
                self.count(event);
            }
            match &news.event {
                _ if self.json => terminal.print(&format!("{}\n", news.line))?,
                Some(Event::Shadow { change, .. }) if change == "attached" => {
                    terminal.remark(&wrapped(&self.so_far(), 2, WIDTH));
                }
                Some(event) => terminal.print(&line(event, *terminal))?,
                None => {}
            }
            if matches!(&news.event, Some(Event::Shadow { change, .. }) if change == "detached") {
                return Err(Failure::new(
                    ExitStatus::NotFound,
                    "somebody else detached the candidate, so nothing more is told of it",
                ));
            }
        }
        Err(Failure::new(
            ExitStatus::Unreachable,
            "profilerd ended the stream: it has stopped or restarted; watch again once it is back",
        ))
    }

    fn count(&mut self, event: &Event) {
        if let Event::WouldRefuse {
            abi,
            call,
            answer,
            certain,
            ..
        } = event
        {
            let what = foretold(answer, *certain);
            let key = (qualified(abi, call), what, *certain);
            *self.calls.entry(key).or_default() += 1;
        }
    }

    fn so_far(&self) -> String {
        let told = |certain: bool| {
            let calls = self.calls.keys().filter(|(_, _, sure)| *sure == certain);
            counted(calls.count() as u64, "call", "calls")
        };
        let made = if self.calls.is_empty() {
            "nothing that was made so far".to_owned()
        } else {
            format!(
                "{}, and perhaps {}, of what was made so far",
                told(true),
                told(false)
            )
        };
        format!(
            "{}: {} would refuse {made}; what comes is told as it happens, until Ctrl-C",
            self.target, self.profile
        )
    }

    fn sum_up(&self, terminal: &Terminal) -> Result<ExitStatus, Failure> {
        let nothing = self.calls.is_empty();
        if !self.json {
            let (tone, verdict) = if nothing {
                (
                    Tone::Good,
                    format!("{} would have refused nothing", self.profile),
                )
            } else {
                let calls: Vec<String> = self
                    .calls
                    .iter()
                    .map(|((call, what, _), count)| {
                        format!("{} ({what}; told {})", printable(call), times(*count))
                    })
                    .collect();
                (
                    Tone::Bad,
                    format!(
                        "not safe to enforce: {}: {}",
                        self.profile,
                        calls.join(", ")
                    ),
                )
            };
            let text = wrapped(&format!("{}: {verdict}", self.target), 2, WIDTH);
            terminal.print(&format!("{}\n", terminal.tint(tone, &text)))?;
        }
        Ok(if nothing {
            ExitStatus::Done
        } else {
            ExitStatus::Found
        })
    }
}
