//! `profilectl audit`: what a container may do, what it does, and what a candidate would break.
//!
//! The daemon audits; here its report is asked for, and put in words.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    circumstances::{circumstances, meaning},
    clock::absolute,
    exit::{ExitStatus, Failure},
    format::Format,
    loaded_wording::findings,
    operand::load,
    policy_wording::{answer_named, combination},
    printable::{elided, printable, wrapped},
    profile_args::AuditArgs,
    shadow,
    show::shortfalls,
    table::WIDTH,
    terminal::{Terminal, Tone},
    wording::{self, call_name, counted, qualified},
};
use crate::{
    api::client::Client,
    audit::{
        active::{Installer, Source},
        candidate::Candidate,
        report::Report,
        rows::{Broken, Judged, Made, Named, Open},
    },
    profile::{abi::Abi, arguments::Values, observation::Refusal, table},
    seccomp::filter::words::words,
};

pub(super) async fn run(
    args: &AuditArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    if let (true, Some(candidate)) = (args.watch, &args.candidate) {
        return shadow::run(args, candidate, client, terminal).await;
    }
    let candidate = match &args.candidate {
        Some(name) => Some(candidate(name, args, client).await?),
        None => None,
    };
    let report = client
        .audit(&args.container, args.ptrace, candidate.as_ref())
        .await?;
    if report.active.is_none() {
        let why = format!("{}: {}", printable(&report.name), printable(&report.told));
        if report.candidate.is_none() && args.format == Format::Table {
            return Err(Failure::new(ExitStatus::NotFound, why));
        }
        terminal.remark(&wrapped(&why, 2, WIDTH));
    }
    match args.format {
        Format::Json => terminal.print_json(&report)?,
        Format::Table => terminal.print(&text(&report, *terminal))?,
    }
    Ok(if report.active.is_none() && report.candidate.is_none() {
        ExitStatus::NotFound
    } else if report.finds() {
        ExitStatus::Found
    } else {
        ExitStatus::Done
    })
}

/// A candidate as the filter that it means, which the daemon need not find out again.
async fn candidate(name: &str, args: &AuditArgs, client: &Client) -> Result<Candidate, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let meaning = meaning(args.meaning, &args.host)?;
    let operand = load(name, client, circumstances.arch).await?;
    let programs = operand.programs(&circumstances, meaning)?;
    Ok(Candidate {
        programs: Some(programs.iter().map(words).collect()),
        title: operand.title,
        ..Candidate::default()
    })
}

fn tone(report: &Report) -> Tone {
    match &report.candidate {
        None => Tone::Heading,
        Some(candidate) if !candidate.breaks.is_empty() => Tone::Bad,
        Some(_) if report.safe == Some(true) => Tone::Good,
        Some(_) => Tone::Doubtful,
    }
}

fn text(report: &Report, terminal: Terminal) -> String {
    let name = printable(&report.name);
    let mut text = String::new();
    let line = wrapped(&format!("{name}: {}", printable(&report.verdict)), 2, WIDTH);
    let _ = writeln!(text, "{}", terminal.tint(tone(report), &line));
    if let Some(candidate) = &report.candidate
        && candidate.breaks.is_empty()
        && candidate.may_break.is_empty()
    {
        text.push_str(&shortfalls(&report.completeness));
    }
    if report.active.is_some() {
        let line = match report.source {
            Source::None => format!("{name}: {}", printable(&report.told)),
            _ => format!("{name}: compared with {}", printable(&report.told)),
        };
        let _ = writeln!(text, "{}", wrapped(&line, 2, WIDTH));
    }
    text.push_str(&beside(report));
    let mut section = |title: &str, count: usize, body: String| {
        if count > 0 {
            let title = terminal.tint(Tone::Heading, &format!("{title} ({count})"));
            let _ = write!(text, "\n{title}\n{body}");
        }
    };
    section(
        "loaded otherwise than asked for",
        report.findings.len(),
        findings(&report.findings),
    );
    let tried = &report.refused;
    section("refused and tried", tried.len(), refused(tried));
    if let Some(candidate) = &report.candidate {
        let title = printable(&candidate.profile);
        section(
            &format!("{title} would break"),
            candidate.breaks.len(),
            breaks(&candidate.breaks),
        );
        section(
            &format!("{title} may break"),
            candidate.may_break.len(),
            conditional(&candidate.may_break),
        );
        section(
            &format!("{title} leaves open, and never used"),
            candidate.open.len(),
            open(&candidate.open, report),
        );
    } else if let Some(active) = &report.active {
        section("used and allowed", active.used.len(), made(&active.used));
        section(
            "by arguments",
            active.conditional.len(),
            conditional(&active.conditional),
        );
        section(
            "allowed and never used",
            active.unused.len(),
            open(&active.unused, report),
        );
        section(
            "made although the filter refuses them, before it was installed perhaps",
            active.contradicted.len(),
            made(&active.contradicted),
        );
    }
    text
}

/// Filters that programs in the container installed for themselves.
fn beside(report: &Report) -> String {
    let mut text = String::new();
    let layers = report.layers.iter();
    for layer in layers.filter(|layer| layer.by == Installer::Program) {
        let hash = layer.hash.as_deref().unwrap_or("of unknown hash");
        let who = layer.who.as_deref().map_or_else(
            || "a program in it".to_owned(),
            |who| format!("a program in it, perhaps {},", elided(who, 40)),
        );
        let line = format!(
            "{}: {who} installed a filter of its own besides ({})",
            printable(&report.name),
            printable(hash)
        );
        let _ = writeln!(text, "{}", wrapped(&line, 2, WIDTH));
    }
    text
}

/// A line a refusal: which call, what its caller got, how often, who and when.
fn refused(tried: &[Refusal]) -> String {
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

fn name(named: &Named) -> String {
    qualified(named.abi.name(), &bare(named))
}

fn bare(named: &Named) -> String {
    table::display_name(crate::profile::call::Call::new(named.abi, named.nr))
}

fn made(list: &[Made]) -> String {
    let names: Vec<String> = list.iter().map(|one| name(&one.named)).collect();
    format!("  {}\n", wrapped(&names.join(", "), 2, WIDTH))
}

/// By what their callers would get.
fn breaks(list: &[Broken]) -> String {
    let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in list {
        let names = alike.entry(answer_named(&one.answer)).or_default();
        let name = name(&one.named);
        names.push(match &one.with {
            Some(values) => format!("{name} with {}", combinations(values)),
            None => name,
        });
    }
    let mut text = String::new();
    for (answer, names) in alike {
        let line = format!("{answer}: {}", names.join(", "));
        let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
    }
    text
}

fn conditional(list: &[Judged]) -> String {
    let mut text = String::new();
    for one in list {
        let used = if one.used { "used" } else { "never used" };
        let _ = writeln!(text, "  {}, {used}:", name(&one.named));
        for case in &one.cases {
            let when: Vec<String> = case.when.iter().map(|clause| printable(clause)).collect();
            let line = format!("{} if {}", answer_named(&case.answer), when.join(" and "));
            let _ = writeln!(text, "    {}", wrapped(&line, 8, WIDTH));
        }
        if let Some(values) = one.seen.as_ref().filter(|_| one.used) {
            let line = format!("seen with {}", combinations(values));
            let _ = writeln!(text, "    {}", wrapped(&line, 8, WIDTH));
        }
    }
    text
}

/// `a0, a1: 2, 1; 16, 3`
fn combinations(values: &Values) -> String {
    let places: Vec<String> = values.places.iter().map(|at| format!("a{at}")).collect();
    let values = match &values.seen {
        None => "more than are kept".to_owned(),
        Some(all) => {
            let all: Vec<String> = all.iter().map(|one| combination(one)).collect();
            all.join("; ")
        }
    };
    format!("{}: {values}", places.join(", "))
}

/// What is known from escapes a line each, the others by ABI; an ABI of which nothing was used is
/// one line.
fn open(list: &[Open], report: &Report) -> String {
    let mut text = String::new();
    let mut others: BTreeMap<Abi, Vec<String>> = BTreeMap::new();
    for one in list {
        match &one.danger {
            Some(danger) if report.abis.contains(&one.named.abi) => {
                let line = format!("{}: {}", name(&one.named), printable(danger));
                let _ = writeln!(text, "  {}", wrapped(&line, 4, WIDTH));
            }
            _ => others
                .entry(one.named.abi)
                .or_default()
                .push(bare(&one.named)),
        }
    }
    for (abi, names) in others {
        let line = if report.abis.contains(&abi) {
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
