//! What `apply` says at its end, as text and as JSON.

use serde_json::{Value, json};

use crate::{
    apply::{facts::Facts, moving::Outcome, plan::Plan, watching::Fault},
    ctl::{
        printable::{printable, wrapped},
        table::WIDTH,
    },
};

/// What there is to say.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// The container's name.
    pub container: &'a str,
    /// What the profile is called.
    pub profile: &'a str,
    /// What was to be done.
    pub plan: Option<(&'a Plan, &'a Facts, u64)>,
    /// What is worth knowing of it.
    pub remarks: &'a [String],
    /// How it ended.
    pub ended: Ended<'a>,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Ended<'a> {
    /// Only asked for.
    Planned,
    /// Nothing to do: it has this profile.
    Unchanged,
    /// It must not be moved.
    Refused(&'a [String]),
    /// Files were written, or would be, for Compose.
    Compose {
        files: &'a [String],
        command: &'a str,
        written: bool,
    },
    /// It was tried.
    Tried(&'a Outcome),
}

impl Report<'_> {
    fn outcome(&self) -> &'static str {
        match self.ended {
            Ended::Planned | Ended::Compose { written: false, .. } => "planned",
            Ended::Unchanged => "unchanged",
            Ended::Refused(_) => "refused",
            Ended::Compose { written: true, .. } => "compose",
            Ended::Tried(Outcome::Moved { .. }) => "moved",
            Ended::Tried(Outcome::NotMoved { .. }) => "not_moved",
        }
    }

    /// As JSON, with stable keys.
    pub(super) fn value(&self) -> Value {
        let steps = self.plan.iter().flat_map(|&(plan, facts, watch)| {
            let steps = plan.steps.iter();
            steps.map(move |&step| json!({"step": step, "does": plan.told(step, facts, watch)}))
        });
        let (mut id, mut kept, mut fault, mut trouble) =
            (Value::Null, Value::Null, Value::Null, Value::Null);
        let (mut touched, mut undone) = (json!(false), json!([]));
        match &self.ended {
            Ended::Tried(Outcome::Moved { id: new, kept: old }) => {
                id = json!(new);
                kept = json!(old);
                touched = json!(true);
            }
            Ended::Tried(Outcome::NotMoved {
                fault: why,
                touched: was_touched,
                undone: deeds,
                trouble: wrong,
            }) => {
                touched = json!(was_touched);
                fault = json!({"reason": why.reason, "evidence": why.evidence});
                undone = json!(deeds);
                trouble = json!(wrong);
            }
            Ended::Refused(reasons) => fault = json!({"reason": "refused", "evidence": reasons}),
            Ended::Planned | Ended::Unchanged | Ended::Compose { .. } => {}
        }
        let compose = match self.ended {
            Ended::Compose { files, command, .. } => json!({"files": files, "command": command}),
            _ => Value::Null,
        };
        json!({
            "container": self.container,
            "profile": self.profile,
            "outcome": self.outcome(),
            "reasons": self.plan.map(|(plan, _, _)| plan.reasons.clone()).unwrap_or_default(),
            "steps": steps.collect::<Vec<_>>(),
            "remarks": self.remarks,
            "id": id,
            "kept": kept,
            "fault": fault,
            "touched": touched,
            "undone": undone,
            "trouble": trouble,
            "compose": compose,
        })
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        let name = printable(self.container);
        let profile = printable(self.profile);
        let mut lines = Vec::new();
        match &self.ended {
            Ended::Planned => self.tell_plan(&name, &profile, &mut lines),
            Ended::Unchanged => lines.push(format!("{name}: has this profile already ({profile})")),
            Ended::Refused(reasons) => {
                lines.push(format!("{name}: cannot be moved; nothing was changed"));
                lines.extend(
                    reasons
                        .iter()
                        .map(|reason| format!("  {}", printable(reason))),
                );
            }
            Ended::Compose {
                files,
                command,
                written,
            } => {
                let done = if *written { "wrote" } else { "would write" };
                lines.push(format!(
                    "{name}: Compose made it and makes it anew, so it is not moved by hand; {done}"
                ));
                lines.extend(files.iter().map(|file| format!("  {}", printable(file))));
                lines.push("put the profile into force with".to_owned());
                // To be pasted: never broken.
                let mut text = folded(&lines);
                text.push_str(&format!("  {}\n", printable(command)));
                return text;
            }
            Ended::Tried(Outcome::Moved { id, kept }) => {
                let short = id.get(..12).unwrap_or(id);
                lines.push(format!("{name}: runs under {profile} now, as {short}"));
                if let Some(kept) = kept {
                    lines.push(format!(
                        "  the old one is kept, stopped, as {}",
                        printable(kept)
                    ));
                }
            }
            Ended::Tried(Outcome::NotMoved {
                fault,
                touched,
                trouble,
                undone: _,
            }) => {
                tell_fault(&name, &profile, fault, &mut lines);
                lines.push(match (trouble, touched) {
                    (None, false) => format!("{name} was not touched, and works"),
                    (None, true) => format!("{name} is the old one again, and works"),
                    (Some(trouble), _) => format!("{name}: {}", printable(trouble)),
                });
            }
        }
        folded(&lines)
    }

    fn tell_plan(&self, name: &str, profile: &str, lines: &mut Vec<String>) {
        lines.push(format!("{name} would be moved to {profile}:"));
        if let Some((plan, facts, watch)) = self.plan {
            lines.extend(plan.steps.iter().enumerate().map(|(place, &step)| {
                format!(
                    "  {}. {}",
                    place + 1,
                    printable(&plan.told(step, facts, watch))
                )
            }));
            lines.extend(plan.reasons.iter().map(|reason| {
                format!(
                    "{name} {}",
                    printable(reason.strip_prefix("it ").unwrap_or(reason))
                )
            }));
        }
        lines.extend(self.remarks.iter().map(|remark| printable(remark)));
        lines.push(
            "if a step fails, or profilectl is stopped or killed, the old one is put back"
                .to_owned(),
        );
    }
}

fn tell_fault(name: &str, profile: &str, fault: &Fault, lines: &mut Vec<String>) {
    lines.push(format!(
        "{name}: not moved to {profile}: {}",
        printable(&fault.reason)
    ));
    lines.extend(
        fault
            .evidence
            .iter()
            .map(|line| format!("  {}", printable(line))),
    );
}

fn folded(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        let folded = wrapped(bare, indent + 2, WIDTH);
        text.push_str(&format!("{:indent$}{folded}\n", ""));
    }
    text
}
