//! `profilectl run`: a command under a profile, and what came of it.
//!
//! Everything that can go wrong with the profile goes wrong before there is a child.

pub mod args;
mod asking;
mod docker;
mod docker_report;
mod report;
mod verdict;

use args::{AnswerName, ModeName, RunArgs};
use asking::Asking;
use report::Report;

use super::{
    circumstances::{circumstances, meaning},
    compile::proven,
    delivery::deliver_bytes,
    exit::{ExitStatus, Failure},
    operand::load,
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    sandbox::{self, Confinement, Mode, Outcome, Request, SandboxError, User},
    seccomp::{arch::Arch, diagram::Diagrams},
};

/// Runs the command and reports; ends as the command does.
#[must_use]
pub(super) fn run(args: &RunArgs, client: &Client, terminal: &Terminal) -> ExitStatus {
    match perform(args, client, terminal) {
        Ok(status) => status,
        Err(failure) => {
            if let Some(message) = failure.message {
                terminal.complain(&message);
            }
            failure.status
        }
    }
}

fn perform(args: &RunArgs, client: &Client, terminal: &Terminal) -> Result<ExitStatus, Failure> {
    if let Some(image) = &args.docker {
        return docker::run(args, image, client, terminal);
    }
    let answer = fits_together(args)?;
    let user = args
        .user
        .as_deref()
        .map(User::named)
        .transpose()
        .map_err(failed)?;
    let (profile, confinement) = confinement(args, client, terminal)?;
    let mut asking = Asking::new(answer, *terminal);
    let request = Request {
        command: &args.command,
        confinement: &confinement,
        user,
        drop_capabilities: args.drop_caps,
    };
    let outcome = sandbox::run(&request, &mut asking).map_err(failed)?;
    let report = Report {
        command: &args.command,
        profile: &profile,
        mode: args.mode,
        outcome: &outcome,
    };
    match &args.report {
        Some(file) => {
            let told = deliver_bytes(
                report.rendered(args.format)?.as_bytes(),
                Some(file),
                terminal,
            );
            // The command has run and has a status of its own, which is worth more than this.
            if let Err(Failure {
                message: Some(message),
                ..
            }) = told
            {
                terminal.complain(&message);
            }
        }
        None => terminal.remark(report.rendered(args.format)?.trim_end()),
    }
    Ok(status(&outcome))
}

/// Options that say nothing in a mode are mistakes.
fn fits_together(args: &RunArgs) -> Result<AnswerName, Failure> {
    let bad = |message: &str| Err(Failure::new(ExitStatus::BadInput, message));
    if args.docker_runtime.is_some() || args.interactive || args.container.is_asked_for() {
        return bad(
            "--docker-runtime, --interactive, --entrypoint, --env, --volume, --network and \
             --no-new-privileges are for a container: name its image with --docker",
        );
    }
    if args.answer.is_some() && args.mode != ModeName::Notify {
        return bad("--answer says who decides about a call, which is for --mode notify only");
    }
    if args.plain && args.mode != ModeName::Enforce {
        return bad("--plain loads the filter as it is written, which is for --mode enforce only");
    }
    Ok(match args.mode {
        ModeName::Notify => args.answer.unwrap_or(AnswerName::Ask),
        // Nobody is asked anything, and no terminal is opened for it.
        ModeName::Enforce | ModeName::Log | ModeName::Kill => AnswerName::Refuse,
    })
}

/// The profile's name, and its filter for the mode: resolved, compiled and proven.
fn confinement(
    args: &RunArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<(String, Confinement), Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    if circumstances.arch != Arch::X86_64 {
        return Err(Failure::new(
            ExitStatus::BadInput,
            "a command is run on this machine, which is x86_64: leave --arch out",
        ));
    }
    let meaning = meaning(args.meaning, &args.host)?;
    // Gone before the fork: its child must be the copy of a process with one thread.
    let operand = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitStatus::Executor, format!("cannot start: {error}")))?
        .block_on(load(&args.profile, client, circumstances.arch))?;
    operand.warn(terminal);
    let mut diagrams = Diagrams::new();
    let root = operand.diagram(&mut diagrams, &circumstances, meaning)?;
    let program = proven(&mut diagrams, root, &operand)?;
    let mode = match args.mode {
        ModeName::Enforce => Mode::Enforce,
        ModeName::Log => Mode::Log,
        ModeName::Notify => Mode::Notify,
        ModeName::Kill => Mode::Kill,
    };
    let confinement = Confinement::new(program, mode, args.plain).map_err(|error| {
        Failure::new(ExitStatus::BadInput, format!("{}: {error}", operand.title))
    })?;
    Ok((operand.title, confinement))
}

fn failed(error: SandboxError) -> Failure {
    let status = match error {
        SandboxError::NoCommand(_) => ExitStatus::NoCommand,
        SandboxError::CannotRun { .. } | SandboxError::StartRefused { .. } => ExitStatus::CannotRun,
        SandboxError::NoUser(_) => ExitStatus::BadInput,
        SandboxError::Setup { .. } => ExitStatus::Executor,
    };
    Failure::new(status, error.to_string())
}

fn status(outcome: &Outcome) -> ExitStatus {
    let code = match (outcome.status, outcome.signal) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 125,
    };
    ExitStatus::Command(u8::try_from(code).unwrap_or(125))
}
