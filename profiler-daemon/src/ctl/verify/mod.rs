//! `profilectl verify`: whether an image starts, works and stops under a profile, with each runtime,
//! and whether what is loaded is what the profile says.

pub mod args;
mod judge;
mod report;

use std::{io::IsTerminal, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::{
    args::VerifyArgs,
    judge::{Tally, Verdict},
    report::Report,
};
use super::{
    circumstances::circumstances,
    enforced::{preflight, seccomp},
    exit::{ExitStatus, Failure},
    format::Format,
    operand::{Operand, load},
    profile_args::CircumstancesArgs,
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    docker::{fresh::Fresh, lifecycle::Lifecycle},
    seccomp::dialects::docker::resolve::Circumstances,
    trial::{
        self, Stage,
        check::Check,
        observer::Observer,
        round::{Course, Round},
    },
};

/// How long a container without any check has to live.
const ALIVE: Duration = Duration::from_secs(2);

pub(super) async fn run(
    args: &VerifyArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&CircumstancesArgs {
        cap_add: args.cap_add.clone(),
        cap_drop: args.cap_drop.clone(),
        ..CircumstancesArgs::default()
    })?;
    let operand = load(&args.profile, client, circumstances.arch).await?;
    operand.warn(terminal);
    let mut fresh = fresh(args);
    fresh.seccomp = Some(seccomp(&operand, &circumstances, terminal)?);
    let endpoint = args.engine.endpoint()?;
    let lifecycle = Lifecycle::new(&endpoint)?;
    let facts = lifecycle.facts().await?;
    let check = check(args, &lifecycle).await?;
    let stage = Stage {
        observer: Observer::find(client, &endpoint).await,
        lifecycle,
        facts,
    };
    let cancel = cancelled_by_signals()?;
    let trying = Trying {
        args,
        operand: &operand,
        circumstances: &circumstances,
        stage: &stage,
        fresh: &fresh,
        course: Course {
            check,
            patience: args.patience,
            stopping: args.stop_timeout,
            prove: true,
        },
        cancel: &cancel,
        terminal,
    };
    let default = vec![stage.facts.defaults.runtime.clone()];
    let names = if args.runtime.is_empty() {
        &default
    } else {
        &args.runtime
    };
    let mut verdicts = Vec::new();
    for name in names {
        verdicts.push(trying.under(name).await?);
    }
    let report = Report {
        profile: &operand.title,
        image: &args.image,
        check: &trying.course.check,
        observer: &stage.observer,
        verdicts: &verdicts,
    };
    match args.format {
        Format::Table => terminal.print(&report.text())?,
        Format::Json => terminal.print_json(&report.value())?,
    }
    Ok(if report.is_good() {
        ExitStatus::Done
    } else {
        ExitStatus::Found
    })
}

fn fresh(args: &VerifyArgs) -> Fresh {
    let words = args.command.as_deref().unwrap_or_default();
    Fresh {
        command: words.split_whitespace().map(str::to_owned).collect(),
        user: args.user.clone(),
        ..args
            .container
            .fresh(&args.image, &args.cap_add, &args.cap_drop)
    }
}

/// What shows that the image works: what was asked for, else what the image itself has.
async fn check(args: &VerifyArgs, lifecycle: &Lifecycle) -> Result<Check, Failure> {
    let image = trial::image(lifecycle, &args.image).await?;
    if !args.check.is_empty() {
        return Ok(Check::Command(args.check.clone()));
    }
    Ok(if image.has_health_check {
        Check::Health
    } else {
        Check::Lives(ALIVE)
    })
}

/// Everything that does not change from runtime to runtime.
struct Trying<'a> {
    args: &'a VerifyArgs,
    operand: &'a Operand,
    circumstances: &'a Circumstances,
    stage: &'a Stage,
    fresh: &'a Fresh,
    course: Course,
    cancel: &'a CancellationToken,
    terminal: &'a Terminal,
}

impl Trying<'_> {
    async fn under(&self, name: &str) -> Result<Verdict, Failure> {
        let facts = &self.stage.facts;
        let runtime = facts.runtimes.named(name).await;
        let nnp = self.fresh.no_new_privileges || facts.defaults.no_new_privileges;
        let mut verdict = Verdict {
            obstacles: preflight(self.operand, self.circumstances, &runtime, nnp)?,
            name: name.to_owned(),
            runtime,
            control: None,
            tally: None,
            proof: None,
        };
        if verdict.cannot_start() && !self.args.anyway {
            return Ok(verdict);
        }
        let fresh = Fresh {
            runtime: Some(name.to_owned()),
            ..self.fresh.clone()
        };
        if !self.args.no_control {
            self.progress(&format!("{name}: under the engine's default, to compare"));
            let control = Fresh {
                seccomp: None,
                ..fresh.clone()
            };
            let course = Course {
                prove: false,
                ..self.course.clone()
            };
            let mut tally = Tally::default();
            tally.add(self.round(&control, &course).await?);
            verdict.control = Some(tally);
        }
        if verdict.is_no_test() {
            return Ok(verdict);
        }
        let mut tally = Tally::default();
        for number in 1..=self.args.times {
            self.progress(&format!("{name}: start {number} of {}", self.args.times));
            let course = Course {
                prove: verdict.proof.is_none(),
                ..self.course.clone()
            };
            let mut round = self.round(&fresh, &course).await?;
            verdict.proof = verdict.proof.or(round.proof.take());
            tally.add(round);
        }
        verdict.tally = Some(tally);
        Ok(verdict)
    }

    async fn round(&self, fresh: &Fresh, course: &Course) -> Result<Round, Failure> {
        Ok(self.stage.round(fresh, course, self.cancel).await?)
    }

    /// For somebody who waits at a terminal.
    fn progress(&self, text: &str) {
        if std::io::stderr().is_terminal() {
            self.terminal.remark(text);
        }
    }
}

/// Ctrl-C and SIGTERM end the trial in order, and the container with it.
fn cancelled_by_signals() -> Result<CancellationToken, Failure> {
    let cancel = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind).map_err(|error| {
            Failure::new(
                ExitStatus::Executor,
                format!("cannot listen to signals: {error}"),
            )
        })?;
        let cancel = cancel.clone();
        tokio::spawn(async move {
            signals.recv().await;
            cancel.cancel();
        });
    }
    Ok(cancel)
}
