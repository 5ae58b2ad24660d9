//! `profilectl run --docker IMAGE`: a container under a profile, from its making to its removal.
//!
//! Whether the runtime would start it is told before there is a container.

use super::{
    args::{ModeName, RunArgs},
    docker_report::Report,
};
use crate::{
    api::client::Client,
    ctl::{
        circumstances::circumstances,
        delivery::deliver_bytes,
        enforced::{preflight, seccomp},
        enforced_wording::obstacle_told,
        exit::{ExitStatus, Failure},
        operand::load,
        printable::wrapped,
        profile_args::{MeaningName, NativeArch},
        table::WIDTH,
        terminal::Terminal,
    },
    docker::{
        fresh::{Fresh, Seccomp},
        lifecycle::Lifecycle,
    },
    seccomp::preflight::Effect,
    trial::{self, Stage, attended::Attended, observer::Observer},
};

/// Runs the container and reports; ends as it does.
pub(super) fn run(
    args: &RunArgs,
    image: &str,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    fits_together(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitStatus::Executor, format!("cannot start: {error}")))?;
    let ended = runtime.block_on(perform(args, image, client, terminal));
    // Somebody may still be read from who will never write again.
    runtime.shutdown_background();
    ended
}

/// Options that are for a command without a container are mistakes here.
fn fits_together(args: &RunArgs) -> Result<(), Failure> {
    let mistake = if args.mode != ModeName::Enforce {
        "with --docker the profile is enforced by the container's runtime: leave --mode out; \
         `profilectl audit C --watch --candidate P` tells what a profile would refuse a container"
    } else if args.answer.is_some() || args.plain {
        "--answer and --plain are for a command that profilectl itself runs, not for --docker"
    } else if args.meaning != MeaningName::Exact
        || args.host.runtime.is_some()
        || args.host.libseccomp.is_some()
        || args
            .circumstances
            .arch
            .is_some_and(|arch| arch != NativeArch::X86_64)
        || args.circumstances.kernel.is_some()
    {
        "the container's own runtime, on this machine, makes the filter: leave --meaning, --runtime, \
         --libseccomp, --arch and --kernel out; --docker-runtime chooses the runtime"
    } else {
        return Ok(());
    };
    Err(Failure::new(ExitStatus::BadInput, mistake))
}

async fn perform(
    args: &RunArgs,
    image: &str,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let operand = load(&args.profile, client, circumstances.arch).await?;
    operand.warn(terminal);
    let seccomp = seccomp(&operand, &circumstances, terminal)?;
    let endpoint = args.engine.endpoint()?;
    let lifecycle = Lifecycle::new(&endpoint)?;
    let facts = lifecycle.facts().await?;
    trial::image(&lifecycle, image).await?;
    let fresh = fresh(args, image, seccomp);
    let name = fresh
        .runtime
        .clone()
        .unwrap_or_else(|| facts.defaults.runtime.clone());
    let oci = facts.runtimes.named(&name).await;
    let nnp = fresh.no_new_privileges || facts.defaults.no_new_privileges;
    let obstacles = preflight(&operand, &circumstances, &oci, nnp)?;
    let told: Vec<String> = obstacles
        .iter()
        .map(|obstacle| format!("{}: {}", operand.title, obstacle_told(obstacle)))
        .collect();
    if obstacles.iter().any(|one| one.effect == Effect::Fails) {
        return Err(Failure::new(
            ExitStatus::CannotRun,
            format!(
                "{image} was not started, for it cannot start:\n{}\n  allow what is refused; \
                 `profilectl check` says what else is wrong with a profile",
                told.join("\n")
            ),
        ));
    }
    for line in told {
        terminal.remark(&wrapped(&line, 2, WIDTH));
    }
    let stage = Stage {
        observer: Observer::find(client, &endpoint).await,
        lifecycle,
        facts,
    };
    let attended = stage.attend(&fresh).await?;
    let report = Report {
        image,
        command: &fresh.command,
        profile: &operand.title,
        runtime: &oci,
        observer: &stage.observer.told(),
        attended: &attended,
    };
    let rendered = report.rendered(args.format)?;
    match &args.report {
        None => terminal.remark(rendered.trim_end()),
        Some(file) => {
            // The container has run and has a status of its own, which is worth more than this.
            if let Err(Failure {
                message: Some(message),
                ..
            }) = deliver_bytes(rendered.as_bytes(), Some(file), terminal)
            {
                terminal.complain(&message);
            }
        }
    }
    Ok(status(&attended))
}

fn fresh(args: &RunArgs, image: &str, seccomp: Seccomp) -> Fresh {
    let mut cap_drop = args.circumstances.cap_drop.clone();
    if args.drop_caps {
        cap_drop.push("ALL".to_owned());
    }
    Fresh {
        command: args
            .command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        user: args.user.clone(),
        runtime: args.docker_runtime.clone(),
        stdin: args.interactive,
        seccomp: Some(seccomp),
        ..args
            .container
            .fresh(image, &args.circumstances.cap_add, &cap_drop)
    }
}

/// The container's own status, or what docker run ends with where there is none.
fn status(attended: &Attended) -> ExitStatus {
    match &attended.ended {
        Ok(status) => ExitStatus::Command(u8::try_from(*status).unwrap_or(125)),
        Err(said)
            if attended.refused_start().next().is_some() || said.contains("permission denied") =>
        {
            ExitStatus::CannotRun
        }
        Err(said) if said.contains("no such file") || said.contains("not found") => {
            ExitStatus::NoCommand
        }
        Err(_) => ExitStatus::Executor,
    }
}
