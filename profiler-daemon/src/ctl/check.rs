//! `profilectl check`: what is wrong with a profile, where a runtime makes something else of it, and
//! what its filter costs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    circumstances::{circumstances, host},
    compile::proven,
    diff::{Line, by_abis, lines as difference_lines},
    exit::{ExitStatus, Failure},
    findings,
    format::Format,
    operand::{self, Operand, Subject, is_file, load},
    printable::{printable, wrapped},
    profile_args::CheckArgs,
    table::WIDTH,
    terminal::{Terminal, Tone},
    wording::counted,
};
use crate::{
    api::client::Client,
    seccomp::{
        arch::Arch,
        diagram::{Diagrams, Node},
        dialects::{Document, docker::resolve::Circumstances},
        difference::{Direction, differences},
        facts::{libseccomp::is_older_than, width::is_32_bit},
        filter::{bitmap, program::Program},
        finding::{Finding, Level, Reading},
        lints::{self, Facts},
        meaning::{Host, Meaning, Runtime},
        summary::{Standing, standing},
    },
};

pub(super) async fn run(
    args: &CheckArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let host = host(&args.host)?;
    let (title, operand, found) = read(args, client, &circumstances, host, terminal).await?;
    let judged = operand
        .as_ref()
        .map(|operand| judge(operand, &circumstances, host));
    match args.format {
        Format::Json => {
            let judged = judged.as_ref().map(|judged| match judged {
                Ok(judged) => judged.value(),
                Err(failure) => json!({"error": failure.message}),
            });
            terminal.print_json(&json!({
                "profile": title,
                "findings": found.iter().map(findings::value).collect::<Vec<_>>(),
                "meaning": judged,
            }))?;
        }
        Format::Table => {
            let mut text = findings::lines(&title, &found, Level::Note);
            match &judged {
                Some(Ok(judged)) => text.push_str(&judged.text(&title, *terminal)),
                Some(Err(failure)) => {
                    let message = failure.message.as_deref().unwrap_or_default();
                    let _ = writeln!(text, "{}", wrapped(&printable(message), 2, WIDTH));
                }
                None => {}
            }
            terminal.print(&text)?;
        }
    }
    let grave = |least: Level| found.iter().any(|finding| finding.level <= least);
    Ok(match judged {
        None => ExitStatus::BadInput,
        Some(Err(_)) => ExitStatus::Found,
        Some(Ok(judged)) if grave(Level::Warning) || judged.is_misread() => ExitStatus::Found,
        Some(Ok(_)) => ExitStatus::Done,
    })
}

/// The profile, if its text says one, and what there is to say about the text.
async fn read(
    args: &CheckArgs,
    client: &Client,
    circumstances: &Circumstances,
    host: Host,
    terminal: &Terminal,
) -> Result<(String, Option<Operand>, Vec<Finding>), Failure> {
    let name = &args.profile;
    let text = if args.from.is_some() || is_file(name) {
        operand::text(name, args.from.map(Into::into), circumstances.arch)?
    } else {
        let operand = load(name, client, circumstances.arch).await?;
        if let Some(told) = &operand.beside {
            terminal.remark(told);
        }
        let title = operand.title.clone();
        return match operand.subject {
            Subject::Document(document) => {
                let reading = Reading {
                    value: Some(document),
                    findings: operand.findings,
                };
                Ok(linted(title, reading, host))
            }
            subject => {
                let found = unfiltered(&subject);
                let findings = Vec::new();
                let operand = Operand {
                    title: title.clone(),
                    subject,
                    findings,
                    traced: operand.traced,
                    beside: None,
                };
                Ok((title, Some(operand), found))
            }
        };
    };
    if let Some(doubt) = text.doubt() {
        terminal.remark(&wrapped(&doubt, 2, WIDTH));
    }
    Ok(linted(text.title, text.reading, host))
}

/// What there is to say where no filter is.
fn unfiltered(subject: &Subject) -> Vec<Finding> {
    let is_filtered = match subject {
        Subject::Unconfined => false,
        Subject::Filters(list) => !list.is_empty(),
        Subject::Document(_) => true,
    };
    if is_filtered {
        return Vec::new();
    }
    vec![Finding {
        level: Level::Warning,
        place: None,
        code: "unfiltered",
        what: "there is no filter: every call is let through".to_owned(),
        mend: "start the container under a profile".to_owned(),
    }]
}

/// A document with all that there is to say about it.
fn linted(
    title: String,
    reading: Reading<Document>,
    host: Host,
) -> (String, Option<Operand>, Vec<Finding>) {
    let reading = match reading {
        Reading {
            value: Some(Document::Profile(profile)),
            findings,
        } => {
            let is_new = |name: &str| is_older_than(host.libseccomp, name);
            let facts = Facts {
                is_32_bit: &is_32_bit,
                is_new_to_libseccomp: &is_new,
            };
            let reading = Reading {
                value: Some(profile),
                findings,
            };
            lints::linted(reading, &facts).map(Document::Profile)
        }
        other => other,
    };
    let operand = reading.value.map(|document| Operand {
        title: title.clone(),
        subject: Subject::Document(document),
        findings: Vec::new(),
        traced: false,
        beside: None,
    });
    (title, operand, reading.findings)
}

/// What a profile does, and at what cost.
struct Judged {
    /// Where a runtime makes something else of it; empty for what no runtime reads.
    differences: Vec<Line>,
    /// Why the runtime would not load it.
    refused: Option<String>,
    /// What loads the profile, by name.
    runtime: String,
    instructions: usize,
    abis: Vec<AbiSummary>,
}

/// What a filter does under one ABI, for the calls that have a name.
struct AbiSummary {
    arch: Arch,
    allowed: u64,
    conditional: u64,
    refused: u64,
    /// Of the always allowed, those that the kernel answers without the filter.
    covered: u64,
}

fn judge(operand: &Operand, circumstances: &Circumstances, host: Host) -> Result<Judged, Failure> {
    let mut diagrams = Diagrams::new();
    let exact = operand.diagram(&mut diagrams, circumstances, Meaning::Exact)?;
    let program = proven(&mut diagrams, exact, operand)?;
    let arches: Vec<Arch> = operand
        .policy(circumstances)?
        .map_or_else(|| vec![circumstances.arch], |policy| policy.arches);
    let (mut found, mut refused) = (Vec::new(), None);
    // Only these dialects are what a runtime is given.
    if let Subject::Document(Document::Profile(_)) = &operand.subject {
        match operand.diagram(&mut diagrams, circumstances, Meaning::AsRunc(host)) {
            Ok(as_runc) => {
                let differences = differences(&diagrams, exact, as_runc)?;
                found = difference_lines(&mut diagrams, &differences)?;
            }
            Err(failure) => refused = failure.message,
        }
    }
    Ok(Judged {
        differences: found,
        refused,
        runtime: format!(
            "{} with libseccomp {}",
            family(host.runtime),
            host.libseccomp
        ),
        instructions: program.instructions().len(),
        abis: arches
            .into_iter()
            .map(|arch| sum_up(&mut diagrams, exact, &program, arch))
            .collect::<Result<_, _>>()?,
    })
}

const fn family(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Runc => "runc",
        Runtime::Crun => "crun",
    }
}

fn sum_up(
    diagrams: &mut Diagrams,
    root: Node,
    program: &Program,
    arch: Arch,
) -> Result<AbiSummary, Failure> {
    let mut summary = AbiSummary {
        arch,
        allowed: 0,
        conditional: 0,
        refused: 0,
        covered: 0,
    };
    for (nr, _) in arch.syscalls() {
        let node = diagrams.select_call(root, arch, nr);
        match standing(diagrams, node)? {
            Standing::Always(action) if action.lets_through() => {
                summary.allowed += 1;
                summary.covered += u64::from(bitmap::covers(program, arch, nr));
            }
            Standing::Always(_) => summary.refused += 1,
            Standing::Conditional(_) => summary.conditional += 1,
        }
    }
    Ok(summary)
}

impl Judged {
    /// True if the runtime does not load it, or lets through other calls than it says. With which
    /// errno the rest is refused is no fault of the profile: runc answers ENOSYS for what is new.
    fn is_misread(&self) -> bool {
        let is_grave = |line: &Line| line.direction != Direction::Answer;
        self.refused.is_some() || self.differences.iter().any(is_grave)
    }

    fn text(&self, title: &str, terminal: Terminal) -> String {
        let mut text = format!("{}\n", wrapped(&format!("{}:", printable(title)), 2, WIDTH));
        let mut line = |tone: Option<Tone>, words: &str| {
            let words = wrapped(words, 4, WIDTH);
            let words = tone.map_or_else(|| words.clone(), |tone| terminal.tint(tone, &words));
            let _ = writeln!(text, "  {words}");
        };
        for abi in &self.abis {
            let mut words = format!(
                "{}: {} allowed, {} by arguments, {} refused",
                abi.arch.name(),
                counted(abi.allowed, "call", "calls"),
                abi.conditional,
                abi.refused,
            );
            if abi.covered > 0 {
                let _ = write!(
                    words,
                    "; {} of the allowed without running the filter",
                    abi.covered
                );
            }
            line(None, &words);
        }
        let count = counted(self.instructions as u64, "instruction", "instructions");
        line(None, &format!("{count} when compiled"));
        if let Some(why) = &self.refused {
            let why = printable(why);
            line(
                Some(Tone::Bad),
                &format!("{} does not load it: {why}", self.runtime),
            );
        }
        if self.differences.is_empty() {
            return text;
        }
        line(
            Some(Tone::Doubtful),
            &format!(
                "what {} makes of it is something else (`profilectl eval --meaning as-runc` \
                 tells of one call):",
                self.runtime
            ),
        );
        for (direction, words) in [
            (Direction::Loosened, "lets through more"),
            (Direction::Tightened, "lets through less"),
            (Direction::Both, "lets through some more and some less"),
            (
                Direction::Answer,
                "lets through the same, with another answer to the rest",
            ),
        ] {
            let lines: Vec<&Line> = self
                .differences
                .iter()
                .filter(|line| line.direction == direction)
                .collect();
            if lines.is_empty() {
                continue;
            }
            let count = counted(lines.len() as u64, "call or range", "calls and ranges");
            let _ = writeln!(text, "    {words}: {count}");
            // What is refused either way is of little interest.
            if direction != Direction::Answer {
                for shared in by_abis(&lines) {
                    let list = format!("{}: {}", shared.abis, shared.list());
                    let _ = writeln!(text, "      {}", wrapped(&list, 8, WIDTH));
                }
            }
        }
        text
    }

    fn value(&self) -> Value {
        json!({
            "instructions": self.instructions,
            "runtime": self.runtime,
            "refused_by_runtime": self.refused,
            "abis": self.abis.iter().map(|abi| json!({
                "abi": abi.arch.name(),
                "allowed": abi.allowed,
                "conditional": abi.conditional,
                "refused": abi.refused,
                "in_bitmap": abi.covered,
            })).collect::<Vec<_>>(),
            "as_runc_differs": self.differences.iter().map(Line::value).collect::<Vec<_>>(),
        })
    }
}
