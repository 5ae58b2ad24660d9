//! `profilectl apply`: a running container under its profile, or as it was.

pub mod args;
mod compose;
mod report;
mod wanted;

use std::{ffi::OsString, time::Duration};

use args::ApplyArgs;
use report::{Ended, Report};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    exit::{ExitStatus, Failure},
    format::Format,
    printable::{printable, wrapped},
    table::WIDTH,
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    apply::{
        facts::Facts,
        guard::{self, Guard},
        hold::Hold,
        interrupt::Interrupt,
        moving::{self, Order, Outcome, Told},
        names::Names,
        plan::{Plan, Wishes},
        port::{Port, PortError},
        real::Real,
        undoing::{look, undo},
    },
    docker::{blueprint::Blueprint, endpoint::Endpoint, sameness::asked_profile},
};

/// How long the guard waits for somebody else who puts the container in order.
const OTHERS: Duration = Duration::from_secs(600);
/// Signals that end a move, with their numbers.
const ENDING: [(SignalKind, u8); 3] = [
    (SignalKind::interrupt(), 2),
    (SignalKind::terminate(), 15),
    (SignalKind::hangup(), 1),
];

pub(super) async fn run(
    args: &ApplyArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let endpoint = args.engine.endpoint()?;
    let real = Real::new(&endpoint, client.clone()).map_err(unreachable)?;
    if args.guard {
        return guarding(args, &endpoint, &real, terminal).await;
    }
    let names = names(args, &real).await?;
    let Some(_hold) = hold(&endpoint, &names)? else {
        return Err(Failure::new(
            ExitStatus::Found,
            format!(
                "{}: another `profilectl apply` is moving it, or puts it in order",
                names.bearer
            ),
        ));
    };
    if !put_in_order(args, &names, &real, terminal).await? {
        return Ok(ExitStatus::Found);
    }
    if args.recover {
        return Ok(ExitStatus::Done);
    }
    let container = real.inspect(&names.bearer).await.map_err(failed)?;
    let container = container.ok_or_else(|| no_such(&names.bearer))?;
    let others = real.all().await.map_err(failed)?;
    let facts = Facts::read(&container, &others);
    let told = |report: Report<'_>| match args.format {
        Format::Json => terminal.print_json(&report.value()),
        Format::Table => terminal.print(&report.text()),
    };
    let bare = |profile, ended| Report {
        container: &facts.name,
        profile,
        plan: None,
        remarks: &[],
        ended,
    };
    if !facts.refusals.is_empty() {
        let profile = args.profile.as_deref().unwrap_or_default();
        told(bare(profile, Ended::Refused(&facts.refusals)))?;
        return Ok(ExitStatus::Found);
    }
    let wanted = match wanted::wanted(args, &facts, &container, &real, client, terminal).await? {
        Ok(wanted) => wanted,
        Err(refused) => {
            told(bare(&refused.title, Ended::Refused(&refused.reasons)))?;
            return Ok(ExitStatus::Found);
        }
    };
    if let Some(made) = &facts.compose {
        let written = compose::write(made, &wanted, args.dry_run)?;
        told(bare(
            &wanted.title,
            Ended::Compose {
                files: &written.files,
                command: &written.command,
                written: !args.dry_run,
            },
        ))?;
        return Ok(ExitStatus::Done);
    }
    if asked_profile(&container) == Some(&wanted.text) {
        told(bare(&wanted.title, Ended::Unchanged))?;
        return Ok(ExitStatus::Done);
    }
    let image = real.image(&container).await.map_err(failed)?;
    let blueprint = Blueprint::of(&container, &image, &wanted.text);
    let own = match args.discard {
        true => Vec::new(),
        false => real.written(&facts.id, &container).await.map_err(failed)?,
    };
    let wishes = Wishes {
        trial: !args.no_trial,
        keep: args.keep || !own.is_empty(),
    };
    let plan = Plan::of(&facts, wishes);
    let mut remarks = wanted.remarks.clone();
    remarks.extend(blueprint.remarks.iter().cloned());
    remarks.extend(left_behind(&own));
    let report = |ended| Report {
        container: &facts.name,
        profile: &wanted.title,
        plan: Some((&plan, &facts, args.watch.as_secs())),
        remarks: &remarks,
        ended,
    };
    if args.dry_run {
        told(report(Ended::Planned))?;
        return Ok(ExitStatus::Done);
    }
    for remark in &remarks {
        say(terminal, &names, remark);
    }
    let order = Order {
        plan: &plan,
        facts: &facts,
        container: &container,
        blueprint: &blueprint,
        profile: &wanted.text,
        watch: args.watch,
    };
    let (outcome, signal) = guarded(args, &endpoint, client, &real, &order, terminal).await?;
    told(report(Ended::Tried(&outcome)))?;
    Ok(match (outcome, signal) {
        (Outcome::Moved { .. }, _) => ExitStatus::Done,
        (Outcome::NotMoved { .. }, Some(signal)) => ExitStatus::Command(128 + signal),
        (Outcome::NotMoved { .. }, None) => ExitStatus::Found,
    })
}

/// That the old container is kept, and what for.
fn left_behind(own: &[String]) -> Option<String> {
    let (first, rest) = own.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "it wrote {first}{more} outside of its volumes, which the new one will not have: so the old \
         one is kept; --discard removes it"
    ))
}

/// Moves the container with a guard at its side, and signals heard.
async fn guarded(
    args: &ApplyArgs,
    endpoint: &Endpoint,
    client: &Client,
    real: &Real,
    order: &Order<'_>,
    terminal: &Terminal,
) -> Result<(Outcome, Option<u8>), Failure> {
    let names = &order.plan.names;
    let interrupt = Interrupt::default();
    for (kind, number) in ENDING {
        let mut signals = signal(kind).map_err(|error| {
            Failure::new(
                ExitStatus::Unreachable,
                format!("signals cannot be heard: {error}; nothing was changed"),
            )
        })?;
        let interrupt = interrupt.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                interrupt.raise(number);
            }
        });
    }
    let words: [OsString; 7] = [
        "--socket".into(),
        client.socket().into(),
        "apply".into(),
        (&names.bearer).into(),
        "--docker-host".into(),
        endpoint.to_string().into(),
        "--guard".into(),
    ];
    let guard = Guard::post(&words).map_err(|error| {
        Failure::new(
            ExitStatus::Unreachable,
            format!(
                "the process that would put {} back if this one were killed cannot be started: \
                 {error}; nothing was changed",
                names.bearer
            ),
        )
    })?;
    let total = order.plan.steps.len();
    let mut tell = |told: Told| match told {
        Told::Step(place) => {
            if let Some(&step) = order.plan.steps.get(place) {
                let does = order.plan.told(step, order.facts, args.watch.as_secs());
                say(terminal, names, &format!("{}/{total} {does}", place + 1));
            }
        }
        Told::Remark(remark) => say(terminal, names, &remark),
        Told::Undo(what) => say(terminal, names, &format!("undo: {what}")),
    };
    let outcome = moving::perform(real, order, &interrupt, &mut tell).await;
    if let Err(error) = guard.dismiss() {
        tracing::debug!(%error, "the guard was gone already");
    }
    Ok((outcome, interrupt.signal()))
}

/// What the guard does: nothing, unless the process that it watches dies.
async fn guarding(
    args: &ApplyArgs,
    endpoint: &Endpoint,
    real: &Real,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let orphaned = guard::stand()
        .map_err(|error| Failure::new(ExitStatus::BadInput, format!("cannot watch: {error}")))?;
    if !orphaned {
        return Ok(ExitStatus::Done);
    }
    let names = Names::of(&args.container);
    say(
        terminal,
        &names,
        "profilectl was killed; what it left is put in order",
    );
    let hold = Hold::wait(endpoint.path(), &names.bearer, OTHERS).await;
    let Ok(Some(_hold)) = hold else {
        return Ok(ExitStatus::Found);
    };
    // Also if nothing is left yet: the engine may be about to make what it was asked for.
    let done = undone(&names, real, terminal).await?;
    Ok(if done {
        ExitStatus::Done
    } else {
        ExitStatus::Found
    })
}

/// Undoes what an earlier move left, if it left anything. False if it cannot be decided what that is,
/// or if it would only be said.
async fn put_in_order(
    args: &ApplyArgs,
    names: &Names,
    real: &Real,
    terminal: &Terminal,
) -> Result<bool, Failure> {
    let found = look(real, names).await.map_err(failed)?;
    if found.is_clean() {
        if args.recover {
            say(terminal, names, "nothing is left of a move");
        }
        return Ok(true);
    }
    if args.dry_run {
        say(
            terminal,
            names,
            "a move that was cut short left containers, which `apply` would put in order first; \
             `apply --recover` does that alone",
        );
        return Ok(false);
    }
    undone(names, real, terminal).await
}

/// Undoes whatever there is of a move whose process has died. False if it cannot be decided what that
/// is.
async fn undone(names: &Names, real: &Real, terminal: &Terminal) -> Result<bool, Failure> {
    let mut tell = |what: &str| say(terminal, names, &format!("undo: {what}"));
    let undone = undo(real, names, true, &mut tell).await.map_err(failed)?;
    if let Some(stuck) = undone.stuck {
        terminal.complain(&wrapped(&printable(&stuck), 2, WIDTH));
        return Ok(false);
    }
    if undone.bearer.is_some_and(|bearer| bearer.running) {
        say(terminal, names, "runs, and nothing is left of the move");
    }
    Ok(true)
}

/// The names of the move, by the container that is meant; also of one that only its leftovers tell of.
async fn names(args: &ApplyArgs, real: &Real) -> Result<Names, Failure> {
    let meant = real.meant(&args.container).await.map_err(failed)?;
    let name = meant
        .as_ref()
        .and_then(|container| container["Name"].as_str())
        .map(|name| name.trim_start_matches('/'));
    let names = Names::of(name.unwrap_or(&args.container));
    if Names::is_given(&names.bearer) {
        return Err(Failure::new(
            ExitStatus::BadInput,
            format!(
                "{} is what `apply` calls a container while it moves another; name that one",
                names.bearer
            ),
        ));
    }
    if name.is_none() && look(real, &names).await.map_err(failed)?.is_clean() {
        return Err(no_such(&args.container));
    }
    Ok(names)
}

fn hold(endpoint: &Endpoint, names: &Names) -> Result<Option<Hold>, Failure> {
    Hold::take(endpoint.path(), &names.bearer).map_err(|error| {
        Failure::new(
            ExitStatus::Unreachable,
            format!(
                "cannot see to it that nobody else moves {}: {error}",
                names.bearer
            ),
        )
    })
}

fn no_such(container: &str) -> Failure {
    Failure::new(
        ExitStatus::NotFound,
        format!("the engine has no container called {container}"),
    )
}

fn unreachable(error: PortError) -> Failure {
    Failure::new(ExitStatus::Unreachable, error.said)
}

fn failed(error: PortError) -> Failure {
    let status = if error.unreachable || error.unsettled {
        ExitStatus::Unreachable
    } else {
        ExitStatus::Found
    };
    Failure::new(status, error.said)
}

fn say(terminal: &Terminal, names: &Names, what: &str) {
    let line = format!("{}: {}", names.bearer, printable(what));
    terminal.remark(&wrapped(&line, 2, WIDTH));
}

/// What the profile is asked of, for the files beside this one.
fn capabilities(container: &Value, key: &str) -> Vec<String> {
    let listed = container["HostConfig"][key].as_array();
    let listed = listed.into_iter().flatten();
    listed
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}
