//! `profilectl record`: a command in a cgroup of its own, and its profile.

use std::{
    os::unix::process::ExitStatusExt,
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    args::{Color, RecordArgs},
    delivery::deliver_bytes,
    exit::{ExitStatus, Failure},
    export::render,
    show::shortfalls,
    terminal::Terminal,
    wording::counted,
};
use crate::{
    api::protocol::Export,
    profile::{
        baseline::learned::LearnedBaseline,
        compose::{Inputs, Options, compose},
        verdict::{Facts, judge},
    },
    recorder::{self, RecordError, Recorded},
    seccomp::{deciding, dialects::docker, exported},
};

/// Runs the command and writes its profile; ends as the command does.
#[must_use]
pub fn run(args: RecordArgs) -> ExitStatus {
    let terminal = Terminal::new(Color::Auto);
    match perform(&args, &terminal) {
        Ok(status) => status,
        Err(failure) => {
            if let Some(message) = failure.message {
                terminal.complain(&message);
            }
            failure.status
        }
    }
}

fn perform(args: &RecordArgs, terminal: &Terminal) -> Result<ExitStatus, Failure> {
    // Without -o the profile is what standard output is for, so the command's own output
    // goes where everything else goes.
    let stdout = if args.output.is_some() {
        Stdio::inherit()
    } else {
        Stdio::from(std::io::stderr())
    };
    let arguments = if args.args {
        deciding::usual()
    } else {
        Vec::new()
    };
    let recorded = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitStatus::Executor, format!("cannot start: {error}")))?
        .block_on(recorder::record(&args.command, stdout, arguments))
        .map_err(|error| Failure::new(status_of(&error), error.to_string()))?;
    let export = export(&recorded, args.args);
    let title = args.command.first().map_or_else(String::new, |command| {
        command.to_string_lossy().into_owned()
    });
    let bytes = render(&title, &export, args.format, terminal)?;
    deliver_bytes(&bytes, args.output.as_deref(), terminal)?;
    terminal.remark(&summary(args, &recorded, &export));
    Ok(ended(&recorded))
}

fn status_of(error: &RecordError) -> ExitStatus {
    match error {
        RecordError::NoCommand(_) => ExitStatus::NoCommand,
        RecordError::CannotRun { .. } => ExitStatus::CannotRun,
        RecordError::Interrupted(signal) => {
            ExitStatus::Command(u8::try_from(128 + signal).unwrap_or(125))
        }
        RecordError::Kernel(_) | RecordError::Cgroup { .. } | RecordError::Nothing(_) => {
            ExitStatus::Executor
        }
    }
}

fn ended(recorded: &Recorded) -> ExitStatus {
    let status = recorded.status;
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 125,
    };
    ExitStatus::Command(u8::try_from(code).unwrap_or(125))
}

fn export(recorded: &Recorded, arguments: bool) -> Export {
    let composed = compose(&Inputs {
        observation: &recorded.observation,
        learned: &LearnedBaseline::default(),
        options: Options {
            include_refused: false,
            arguments,
            ..Options::default()
        },
    });
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64);
    let completeness = judge(
        &recorded.observation,
        Facts {
            lost_calls: recorded.lost_calls,
            now_ms,
            running: false,
            recorded: true,
            quiet_threshold_ms: 0,
        },
    );
    let profile = docker::to_value(&exported::document(&composed));
    Export::of(&composed, profile, completeness, Vec::new())
}

fn summary(args: &RecordArgs, recorded: &Recorded, export: &Export) -> String {
    let name = args
        .command
        .first()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut text = format!(
        "{name}: {} allowed ({} observed, {} for a container runtime and the kernel)",
        counted(export.allowed, "call", "calls"),
        export.observed,
        export.baseline
    );
    if !recorded.left_behind.is_empty() {
        let pids: Vec<String> = recorded.left_behind.iter().map(u32::to_string).collect();
        text.push_str(&format!(
            "\nleft running, and no longer recorded: {}",
            pids.join(", ")
        ));
    }
    if !export.completeness.complete {
        text.push('\n');
        text.push_str(shortfalls(&export.completeness).trim_end());
    }
    text
}
