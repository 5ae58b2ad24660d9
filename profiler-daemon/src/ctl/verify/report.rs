//! What a verification found, for people and for programs. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judge::{NOT_STOPPED, Tally, Verdict};
use crate::{
    ctl::{
        enforced_wording::{filter, filter_value, obstacle_told},
        loaded_wording,
        printable::{printable, wrapped},
        table::WIDTH,
        wording::{call_name, counted, refused_with, times},
    },
    profile::observation::Refusal,
    trial::{check::Check, observer::Observer, proof::Proof},
};

/// Failures of one kind that are shown, and refused calls.
const MOST_SHOWN: usize = 10;

/// Everything that is told.
pub(super) struct Report<'a> {
    pub(super) profile: &'a str,
    pub(super) image: &'a str,
    pub(super) check: &'a Check,
    pub(super) observer: &'a Observer,
    pub(super) verdicts: &'a [Verdict],
}

impl Report<'_> {
    /// Every runtime that was asked for starts the image well under the profile.
    pub(super) fn is_good(&self) -> bool {
        self.verdicts.iter().all(Verdict::is_good)
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for verdict in self.verdicts {
            text.push_str(&self.of(verdict));
        }
        text
    }

    fn of(&self, verdict: &Verdict) -> String {
        let runtime = title(verdict);
        let faults = verdict.faults();
        let conclusion = if faults.is_empty() {
            "verified".to_owned()
        } else {
            format!("not verified: {}", faults.join("; "))
        };
        let line = format!(
            "{} under {} with {runtime}: {conclusion}",
            printable(self.image),
            printable(self.profile)
        );
        let mut text = format!("{}\n", wrapped(&line, 2, WIDTH));
        for obstacle in &verdict.obstacles {
            let _ = writeln!(text, "  {}", wrapped(&obstacle_told(obstacle), 4, WIDTH));
        }
        if verdict.is_no_test()
            && let Some(control) = &verdict.control
        {
            text.push_str(&failures(control, true));
        }
        if verdict.tally.is_none() && !verdict.is_no_test() {
            let line = "it was not started; --anyway starts it all the same";
            let _ = writeln!(text, "  {}", wrapped(line, 4, WIDTH));
        }
        if let Some(tally) = &verdict.tally {
            text.push_str(&self.counts(verdict, tally));
        }
        text
    }

    fn counts(&self, verdict: &Verdict, tally: &Tally) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<9}{}", wrapped(value, 11, WIDTH));
        };
        row("starts", &of_starts(tally.started, tally.rounds));
        let check = printable(&self.check.told());
        row(
            "works",
            &format!("{} ({check})", of_starts(tally.worked, tally.rounds)),
        );
        let stopped = of_starts(tally.stopped, tally.started);
        let as_ever = verdict.control.as_ref().is_some_and(|one| !one.stops());
        row(
            "stops",
            &match tally.slowest_stop_ms {
                _ if as_ever => format!("{stopped}, as under the engine's default"),
                Some(took) => format!("{stopped}, the slowest in {took} ms"),
                None => stopped,
            },
        );
        row("filter", &filter(verdict.proof.as_ref()));
        row("refused", &self.refused(verdict, tally));
        if let Some(Proof::Read { findings, .. }) = &verdict.proof {
            text.push_str(&loaded_wording::findings(findings));
        }
        text.push_str(&failures(tally, !as_ever));
        text
    }

    fn refused(&self, verdict: &Verdict, tally: &Tally) -> String {
        if tally.refusals.is_none() {
            return format!("not known: {}", printable(&self.observer.told()));
        }
        let anew = verdict.refused_anew();
        let mut parts = Vec::new();
        if anew.is_empty() {
            parts.push(if verdict.control.is_some() {
                "nothing that the engine's default does not refuse too".to_owned()
            } else {
                "nothing".to_owned()
            });
        }
        parts.extend(anew.into_iter().take(MOST_SHOWN).map(shown));
        // What a runtime is refused is of interest where a start fails.
        if tally.started < tally.rounds {
            let runtime: Vec<String> = verdict.refused(true).take(MOST_SHOWN).map(shown).collect();
            if !runtime.is_empty() {
                parts.push(format!("to the runtime: {}", runtime.join(", ")));
            }
        }
        parts.join("; ")
    }

    pub(super) fn value(&self) -> Value {
        json!({
            "profile": self.profile,
            "image": self.image,
            "check": self.check.told(),
            "recorded": self.observer.told(),
            "verified": self.is_good(),
            "runtimes": self.verdicts.iter().map(value).collect::<Vec<_>>(),
        })
    }
}

/// `runc 1.1.5 (runc11)`
fn title(verdict: &Verdict) -> String {
    let runtime = &verdict.runtime;
    let version = runtime
        .version
        .as_ref()
        .map_or_else(String::new, |version| format!(" {version}"));
    let called = format!("{}{version}", runtime.name);
    if verdict.name == runtime.name {
        printable(&called)
    } else {
        printable(&format!("{called} ({})", verdict.name))
    }
}

/// `chmod: EPERM 3 times, by /bin/chmod`
fn shown(refusal: &Refusal) -> String {
    let who = refusal.exe.as_deref().unwrap_or(&refusal.comm);
    format!(
        "{}: {} {}, by {}",
        call_name(refusal.call),
        refused_with(refusal.with),
        times(refusal.count),
        printable(who)
    )
}

/// What failed; that it did not stop only where that is its profile's doing.
fn failures(tally: &Tally, stops_count: bool) -> String {
    let mut text = String::new();
    let told = |what: &&String| stops_count || what.as_str() != NOT_STOPPED;
    let shown: Vec<_> = tally
        .failures
        .iter()
        .filter(|(what, _)| told(what))
        .collect();
    for (what, count) in shown.iter().take(MOST_SHOWN) {
        let line = format!("{}, {}", printable(what.trim()), times(**count));
        let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
    }
    if !shown.is_empty() && !tally.last_words.is_empty() {
        let _ = writeln!(text, "  the last that it wrote:");
        for line in tally.last_words.lines() {
            let _ = writeln!(text, "    {}", wrapped(&printable(line), 6, WIDTH));
        }
    }
    text
}

fn value(verdict: &Verdict) -> Value {
    json!({
        "name": verdict.name,
        "runtime": verdict.runtime,
        "verified": verdict.is_good(),
        "faults": verdict.faults(),
        "obstacles": verdict.obstacles,
        "control": verdict.control.as_ref().map(tally_value),
        "under_profile": verdict.tally.as_ref().map(tally_value),
        "filter": verdict.proof.as_ref().map(filter_value),
        "refused_anew": verdict.refused_anew().into_iter().map(refusal_value).collect::<Vec<_>>(),
    })
}

fn tally_value(tally: &Tally) -> Value {
    json!({
        "rounds": tally.rounds,
        "started": tally.started,
        "worked": tally.worked,
        "stopped": tally.stopped,
        "slowest_stop_ms": tally.slowest_stop_ms,
        "failures": tally.failures.iter()
            .map(|(what, count)| json!({"what": what, "count": count}))
            .collect::<Vec<_>>(),
        "last_words": tally.last_words,
        "refused": tally.refusals.as_ref()
            .map(|all| all.values().map(refusal_value).collect::<Vec<_>>()),
    })
}

fn refusal_value(refusal: &Refusal) -> Value {
    json!({
        "abi": refusal.call.abi,
        "nr": refusal.call.nr,
        "name": call_name(refusal.call),
        "with": refusal.with,
        "by_runtime": refusal.by_runtime,
        "count": refusal.count,
        "exe": refusal.exe,
        "comm": refusal.comm,
    })
}

/// `4 of 5 starts`
fn of_starts(count: u64, all: u64) -> String {
    format!("{count} of {}", counted(all, "start", "starts"))
}
