//! The report at the end of a container's run: how it ended, what the profile refused, whether the
//! profile is what was loaded, and who failed. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::verdict::Verdict;
use crate::{
    audit::loaded::LoadedFinding,
    ctl::{
        enforced_wording::{filter, filter_value},
        exit::Failure,
        format::Format,
        loaded_wording,
        printable::{printable, wrapped},
        table::WIDTH,
        terminal::json,
        wording::{call_name, counted, refused_with, times},
    },
    profile::{
        identity::Runtime,
        observation::{Refusal, RefusedWith},
        table,
    },
    trial::{attended::Attended, proof::Proof},
};

/// Kinds of calls that a table shows.
const MOST_SHOWN: usize = 20;

/// What is reported.
pub(super) struct Report<'a> {
    pub(super) image: &'a str,
    pub(super) command: &'a [String],
    pub(super) profile: &'a str,
    pub(super) runtime: &'a Runtime,
    /// Who recorded, in words.
    pub(super) observer: &'a str,
    pub(super) attended: &'a Attended,
}

impl Report<'_> {
    pub(super) fn rendered(&self, format: Format) -> Result<String, Failure> {
        match format {
            Format::Table => Ok(self.text()),
            Format::Json => json(&self.value()),
        }
    }

    /// Refused to the container's own programs.
    fn refused(&self) -> Option<Vec<&Refusal>> {
        let all = self.attended.refusals.as_ref()?;
        Some(all.iter().filter(|refusal| !refusal.by_runtime).collect())
    }

    fn count(&self) -> Option<u64> {
        let all = self.refused()?;
        Some(all.iter().map(|refusal| refusal.count).sum())
    }

    fn verdict(&self) -> Verdict {
        if self.attended.refused_start().next().is_some() {
            return Verdict::Profile;
        }
        let succeeded = self.attended.ended == Ok(0);
        Verdict::of(succeeded, self.attended.ended_by_sigsys(), self.count())
    }

    fn text(&self) -> String {
        let ended = match &self.attended.ended {
            Ok(status) => format!("ended with {status}"),
            Err(said) => format!("did not start: {}", printable(said)),
        };
        let line = format!("{}: {ended}; {}", printable(self.image), self.summary());
        let mut text = format!("{}\n", wrapped(&line, 2, WIDTH));
        let shown: Vec<&Refusal> = match &self.attended.ended {
            Ok(_) => self.refused().unwrap_or_default(),
            Err(_) => self.attended.refused_start().collect(),
        };
        for refusal in shown.iter().take(MOST_SHOWN) {
            let who = refusal.exe.as_deref().unwrap_or(&refusal.comm);
            let line = format!(
                "{}: {} {}, first by {}",
                call_name(refusal.call),
                refused_with(refusal.with),
                times(refusal.count),
                printable(who)
            );
            let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
        }
        if shown.len() > MOST_SHOWN {
            let left = shown.len() - MOST_SHOWN;
            let _ = writeln!(text, "  and {left} more; --format json has all");
        }
        if self.attended.ended.is_ok() {
            let line = format!("filter: {}", filter(self.attended.proof.as_ref()));
            let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
        }
        if let Some(Proof::Read { findings, .. }) = &self.attended.proof {
            // The others leave the container safe; `verify` and JSON have them.
            let grave = findings.iter().filter(|finding| finding.loosens);
            let grave: Vec<LoadedFinding> = grave.cloned().collect();
            text.push_str(&loaded_wording::findings(&grave));
        }
        text
    }

    fn summary(&self) -> String {
        let told = match self.count() {
            None => return format!("what the profile refused is not known ({})", self.observer),
            Some(0) => "the profile refused nothing".to_owned(),
            Some(count) => format!("the profile refused {}", counted(count, "call", "calls")),
        };
        match self.verdict() {
            Verdict::Profile if self.attended.ended.is_err() => {
                "the profile kept the runtime from starting it".to_owned()
            }
            Verdict::Profile if self.attended.ended_by_sigsys() => {
                format!("{told}, and ended it for one")
            }
            Verdict::Profile => format!("{told}, which may be why"),
            Verdict::Program if self.attended.ended.is_err() => told,
            Verdict::Program => format!("{told}, so the program itself failed"),
            Verdict::Succeeded | Verdict::Unknown => told,
        }
    }

    fn value(&self) -> Value {
        let Attended {
            ended,
            proof,
            refusals,
            identity: _,
        } = self.attended;
        json!({
            "image": self.image,
            "command": self.command,
            "profile": self.profile,
            "mode": "enforce",
            "runtime": self.runtime,
            "outcome": self.verdict().word(),
            "status": ended.as_ref().ok(),
            "signal": null,
            "start_failed": ended.as_ref().err(),
            "recorded": self.observer,
            "refused": refusals.as_ref().map(|refusals| json!({
                "calls": self.count(),
                "carried_out": 0,
                "kinds": refusals.iter().map(kind).collect::<Vec<_>>(),
                "of_further_kinds": 0,
            })),
            "filter": proof.as_ref().map(filter_value),
        })
    }
}

fn kind(refusal: &Refusal) -> Value {
    json!({
        "abi": refusal.call.abi,
        "nr": refusal.call.nr,
        "name": table::name(refusal.call),
        "answer": match refusal.with {
            RefusedWith::Errno(number) => format!("errno {number}"),
            RefusedWith::Sigsys => "SIGSYS".to_owned(),
        },
        "by_runtime": refusal.by_runtime,
        "count": refusal.count,
        "carried_out": 0,
        "first": {"executable": refusal.exe, "thread": refusal.pid},
    })
}
