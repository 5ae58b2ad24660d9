//! `profilectl audit`: what a container may do, what it does, and what a candidate would break.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Value, json};

use super::{
    args::Format,
    circumstances::{circumstances, meaning},
    clock::absolute,
    exit::{ExitStatus, Failure},
    operand::{in_force, load},
    policy_wording::{answer, case_value, cases},
    printable::{elided, printable, wrapped},
    profile_args::AuditArgs,
    shadow,
    show::shortfalls,
    table::WIDTH,
    terminal::{Terminal, Tone},
    wording::{self, call_name, counted},
};
use crate::{
    api::{client::Client, protocol::Detail},
    audit::{Comparison, Conditional, Prospect, Unused, compare, foresee},
    profile::{
        abi::Abi,
        call::{Call, CallSet},
        observation::Refusal,
        table,
    },
    seccomp::diagram::Diagrams,
};

pub(super) async fn run(
    args: &AuditArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    if let (true, Some(candidate)) = (args.watch, &args.candidate) {
        return shadow::run(args, candidate, client, terminal).await;
    }
    let circumstances = circumstances(&args.circumstances)?;
    let meaning = meaning(args.meaning, &args.host)?;
    let detail = client.show(&args.container).await?;
    let seen = Seen::of(&detail);
    let mut diagrams = Diagrams::new();
    let told = client.active(&args.container, args.ptrace).await?;
    let active = match in_force(&args.container, &told) {
        Ok(operand) => {
            let root = operand.diagram(&mut diagrams, &circumstances, meaning)?;
            let comparison = compare(&mut diagrams, root, &seen.made, &seen.named)?;
            Some((comparison, told.told))
        }
        Err(Failure {
            status: ExitStatus::NotFound,
            message: Some(why),
        }) if args.candidate.is_some() => {
            terminal.remark(&wrapped(&why, 2, WIDTH));
            None
        }
        Err(failure) => return Err(failure),
    };
    let prospect = match &args.candidate {
        None => None,
        Some(name) => {
            let operand = load(name, client, circumstances.arch).await?;
            let root = operand.diagram(&mut diagrams, &circumstances, meaning)?;
            let prospect = foresee(&mut diagrams, root, &seen.made, &seen.named)?;
            Some((operand.title, prospect))
        }
    };
    let report = Report {
        detail: &detail,
        abis: seen.abis(),
        active,
        prospect,
    };
    match args.format {
        Format::Json => terminal.print_json(&report.value())?,
        Format::Table => terminal.print(&report.text(*terminal))?,
    }
    Ok(if report.finds() {
        ExitStatus::Found
    } else {
        ExitStatus::Done
    })
}

/// The calls that got past the filter, and all that a filter is asked about.
struct Seen {
    made: CallSet,
    named: CallSet,
}

impl Seen {
    fn of(detail: &Detail) -> Self {
        let made = detail
            .calls
            .iter()
            .filter(|call| call.observed)
            .filter_map(|call| Some(Call::new(Abi::named(&call.abi)?, call.nr)))
            .collect();
        let named = Abi::ALL.into_iter().flat_map(table::calls).collect();
        Self { made, named }
    }

    /// The ABIs of which the container made calls; the machine's own in any case.
    fn abis(&self) -> BTreeSet<Abi> {
        let used = self.made.iter().map(|call| call.abi);
        used.chain([Abi::X86_64]).collect()
    }
}

/// What there is to tell.
struct Report<'a> {
    detail: &'a Detail,
    /// The ABIs that the container uses.
    abis: BTreeSet<Abi>,
    active: Option<(Comparison, String)>,
    prospect: Option<(String, Prospect)>,
}

impl Report<'_> {
    /// With a candidate: it would refuse something. Without: something was refused, or is open.
    fn finds(&self) -> bool {
        match &self.prospect {
            Some((_, prospect)) => !prospect.breaks.is_empty() || !prospect.may_break.is_empty(),
            None => {
                self.tried().next().is_some()
                    || self
                        .active
                        .as_ref()
                        .is_none_or(|(found, _)| !found.unused.is_empty())
            }
        }
    }

    /// Refusals of the container's own programs.
    fn tried(&self) -> impl Iterator<Item = &Refusal> {
        let refusals = self.detail.refusals.iter();
        refusals.filter(|refusal| !refusal.by_runtime)
    }

    fn name(&self) -> String {
        printable(self.detail.summary.identity.display_name())
    }

    /// The verdict in a sentence, and its reasons.
    fn verdict(&self) -> (Tone, String) {
        let complete = &self.detail.summary.completeness;
        let Some((title, prospect)) = &self.prospect else {
            let open = self
                .active
                .as_ref()
                .map_or(0, |(found, _)| found.unused.len());
            let tried = self.tried().count() as u64;
            return (
                Tone::Heading,
                format!(
                    "{} open and never used, {} tried and refused",
                    counted(open as u64, "call", "calls"),
                    counted(tried, "call", "calls")
                ),
            );
        };
        let title = printable(title);
        if !prospect.breaks.is_empty() {
            let count = counted(prospect.breaks.len() as u64, "call", "calls");
            (
                Tone::Bad,
                format!("not safe to enforce: {title} refuses {count} that the container made"),
            )
        } else if !prospect.may_break.is_empty() {
            let count = counted(prospect.may_break.len() as u64, "call", "calls");
            (
                Tone::Doubtful,
                format!(
                    "perhaps not safe to enforce: {title} judges {count} that the container made \
                     by their arguments, which were not recorded"
                ),
            )
        } else if !complete.complete {
            (
                Tone::Doubtful,
                format!(
                    "{title} refuses nothing that was seen, but not everything was seen:\n{}",
                    shortfalls(complete).trim_end()
                ),
            )
        } else {
            (
                Tone::Good,
                format!("safe to enforce: {title} refuses nothing that the container did"),
            )
        }
    }

    fn text(&self, terminal: Terminal) -> String {
        let name = self.name();
        let mut text = String::new();
        if let Some((_, source)) = &self.active {
            let line = format!("{name}: compared with {source}");
            let _ = writeln!(text, "{}", wrapped(&line, 2, WIDTH));
        }
        let (tone, verdict) = self.verdict();
        let (first, rest) = verdict.split_once('\n').unwrap_or((&verdict, ""));
        let line = wrapped(&format!("{name}: {first}"), 2, WIDTH);
        let _ = writeln!(text, "{}", terminal.tint(tone, &line));
        if !rest.is_empty() {
            let _ = writeln!(text, "{rest}");
        }
        let mut section = |title: &str, count: usize, body: String| {
            if count > 0 {
                let title = terminal.tint(Tone::Heading, &format!("{title} ({count})"));
                let _ = write!(text, "\n{title}\n{body}");
            }
        };
        let tried: Vec<&Refusal> = self.tried().collect();
        section("refused and tried", tried.len(), refused(&tried));
        if let Some((title, prospect)) = &self.prospect {
            let title = printable(title);
            let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for one in &prospect.breaks {
                alike
                    .entry(answer(one.answer))
                    .or_default()
                    .push(call_name(one.call));
            }
            let mut breaks = String::new();
            for (answer, names) in alike {
                let line = format!("{answer}: {}", names.join(", "));
                let _ = writeln!(breaks, "  {}", wrapped(&line, 4, WIDTH));
            }
            section(
                &format!("{title} would break"),
                prospect.breaks.len(),
                breaks,
            );
            section(
                &format!("{title} may break"),
                prospect.may_break.len(),
                conditional(&prospect.may_break),
            );
            section(
                &format!("{title} leaves open, and never used"),
                prospect.open.len(),
                open(&prospect.open, &self.abis),
            );
        } else if let Some((found, _)) = &self.active {
            let used = found.used.iter().map(|call| call_name(*call));
            let used: Vec<String> = used.collect();
            let body = format!("  {}\n", wrapped(&used.join(", "), 2, WIDTH));
            section("used and allowed", used.len(), body);
            let body = conditional(&found.conditional);
            section("by arguments", found.conditional.len(), body);
            section(
                "allowed and never used",
                found.unused.len(),
                open(&found.unused, &self.abis),
            );
            let contradicted = found.contradicted.iter().map(|one| call_name(one.call));
            let contradicted: Vec<String> = contradicted.collect();
            let body = format!("  {}\n", wrapped(&contradicted.join(", "), 2, WIDTH));
            section(
                "made although the filter refuses them, before it was installed perhaps",
                contradicted.len(),
                body,
            );
        }
        text
    }

    fn value(&self) -> Value {
        let (_, verdict) = self.verdict();
        let active = self.active.as_ref().map(|(found, source)| {
            json!({
                "source": source,
                "used": found.used.iter().map(|call| call_name(*call)).collect::<Vec<_>>(),
                "unused": found.unused.iter().map(unused).collect::<Vec<_>>(),
                "conditional": found.conditional.iter().map(judged).collect::<Vec<_>>(),
                "contradicted": found.contradicted.iter().map(|one| call_name(one.call)).collect::<Vec<_>>(),
            })
        });
        let candidate = self.prospect.as_ref().map(|(title, prospect)| {
            json!({
                "profile": title,
                "breaks": prospect.breaks.iter().map(|one| json!({
                    "call": call_name(one.call),
                    "answer": one.answer.to_string(),
                })).collect::<Vec<_>>(),
                "may_break": prospect.may_break.iter().map(judged).collect::<Vec<_>>(),
                "open": prospect.open.iter().map(unused).collect::<Vec<_>>(),
            })
        });
        json!({
            "container": self.detail.summary.identity.id,
            "verdict": verdict,
            "safe": self.prospect.as_ref().map(|_| !self.finds() && self.detail.summary.completeness.complete),
            "refused": self.tried().collect::<Vec<_>>(),
            "active": active,
            "candidate": candidate,
            "completeness": self.detail.summary.completeness,
        })
    }
}

/// A line a refusal: which call, what its caller got, how often, who and when.
fn refused(tried: &[&Refusal]) -> String {
    let mut text = String::new();
    for refusal in tried {
        let who = refusal.exe.as_deref().unwrap_or(&refusal.comm);
        let line = format!(
            "{}: {} {}, by {}, first {}, last {}",
            call_name(refusal.call),
            wording::refused_with(refusal.with),
            wording::times(refusal.count),
            elided(who, 40),
            absolute(refusal.first_ms),
            absolute(refusal.last_ms),
        );
        let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
    }
    text
}

fn conditional(list: &[Conditional]) -> String {
    let mut text = String::new();
    for one in list {
        let used = if one.used { "used" } else { "never used" };
        let _ = writeln!(text, "  {}, {used}:", call_name(one.call));
        text.push_str(&cases(&one.cases, "    "));
    }
    text
}

/// What is known from escapes a line each, the others by ABI; an ABI of which nothing was used is
/// one line.
fn open(list: &[Unused], used: &BTreeSet<Abi>) -> String {
    let mut text = String::new();
    let mut others: BTreeMap<Abi, Vec<String>> = BTreeMap::new();
    for one in list {
        match one.danger {
            Some(danger) if used.contains(&one.call.abi) => {
                let line = format!("{}: {danger}", call_name(one.call));
                let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
            }
            _ => others
                .entry(one.call.abi)
                .or_default()
                .push(table::display_name(one.call)),
        }
    }
    for (abi, names) in others {
        let line = if used.contains(&abi) {
            format!("{}: {}", abi.name(), names.join(", "))
        } else {
            format!(
                "{}: {}; it made no call of this ABI: leave {} out",
                abi.name(),
                counted(names.len() as u64, "call", "calls"),
                abi.scmp()
            )
        };
        let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
    }
    text
}

fn unused(one: &Unused) -> Value {
    json!({"call": call_name(one.call), "danger": one.danger})
}

fn judged(one: &Conditional) -> Value {
    json!({
        "call": call_name(one.call),
        "used": one.used,
        "cases": one.cases.iter().map(case_value).collect::<Vec<_>>(),
    })
}
