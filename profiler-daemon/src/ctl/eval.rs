//! `profilectl eval`: what a profile or a filter answers to one call.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    circumstances::{circumstances, meaning},
    exit::{ExitStatus, Failure},
    format::Format,
    operand::load,
    policy_wording::{answer, call_line, case_value, cases},
    printable::printable,
    profile_args::EvalArgs,
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    seccomp::{
        action::Action,
        arch::Arch,
        condition::number,
        diagram::{Diagrams, Node},
        facts::names,
        filter::evaluate::{CallData, passes_every_filter},
        summary::{Standing, standing},
    },
};

pub(super) async fn run(
    args: &EvalArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let meaning = meaning(args.meaning, &args.host)?;
    let (arch, nr) = call(&args.syscall, circumstances.arch)?;
    let arguments = arguments(&args.arguments)?;
    let operand = load(&args.profile, client, circumstances.arch).await?;
    operand.warn(terminal);
    let mut diagrams = Diagrams::new();
    let root = operand.diagram(&mut diagrams, &circumstances, meaning)?;
    let node = diagrams.select_call(root, arch, nr);
    let verdict = verdict(&mut diagrams, node, arch, nr, arguments)?;
    match args.format {
        Format::Json => {
            terminal.print_json(&value(&operand.title, arch, nr, arguments, &verdict))?;
        }
        Format::Table => terminal.print(&text(&operand.title, arch, nr, arguments, &verdict))?,
    }
    Ok(match verdict {
        Standing::Always(action) if !action.lets_through() => ExitStatus::Found,
        Standing::Always(_) | Standing::Conditional(_) => ExitStatus::Done,
    })
}

/// What is answered: to the call with these arguments, or to all if none are given.
fn verdict(
    diagrams: &mut Diagrams,
    node: Node,
    arch: Arch,
    nr: u32,
    arguments: Option<[u64; 6]>,
) -> Result<Standing, Failure> {
    if passes_every_filter(arch, nr) {
        return Ok(Standing::Always(Action::Allow));
    }
    match arguments {
        Some(args) => {
            let call = CallData::new(arch, nr, args);
            Ok(Standing::Always(diagrams.answer_to(node, &call)))
        }
        None => Ok(standing(diagrams, node)?),
    }
}

fn text(
    title: &str,
    arch: Arch,
    nr: u32,
    arguments: Option<[u64; 6]>,
    verdict: &Standing,
) -> String {
    let call = call_line(arch, nr, arguments);
    let mut text = format!("{}: {call}: ", printable(title));
    match verdict {
        Standing::Always(action) => {
            let _ = writeln!(text, "{}", answer(*action));
        }
        Standing::Conditional(list) => {
            let _ = writeln!(text, "by its arguments");
            text.push_str(&cases(list, "  "));
        }
    }
    if passes_every_filter(arch, nr) {
        let _ = writeln!(
            text,
            "  by the kernel itself, which asks no filter about it"
        );
    }
    text
}

fn value(
    title: &str,
    arch: Arch,
    nr: u32,
    arguments: Option<[u64; 6]>,
    verdict: &Standing,
) -> Value {
    let (answer, cases) = match verdict {
        Standing::Always(action) => (Some(action.to_string()), Vec::new()),
        Standing::Conditional(cases) => (
            None,
            cases
                .iter()
                .map(|case| {
                    let mut value = case_value(case);
                    value["example"] = json!(case.witness);
                    value
                })
                .collect(),
        ),
    };
    json!({
        "profile": title,
        "abi": arch.name(),
        "nr": arch.in_table(nr),
        "name": arch.syscall(nr),
        "args": arguments,
        "answer": answer,
        "cases": cases,
    })
}

/// The call that a person means: a name under the machine's own ABI, or the first that has it;
/// `ABI:NAME`; a number in place of a name.
fn call(text: &str, native: Arch) -> Result<(Arch, u32), Failure> {
    let bad = |message: String| Failure::new(ExitStatus::BadInput, message);
    let (abi, word) = match text.split_once(':') {
        Some((abi, word)) => {
            let arch = Arch::ALL.into_iter().find(|arch| arch.name() == abi);
            let arch = arch.ok_or_else(|| {
                bad(format!(
                    "{abi} is no ABI: there are x86_64, x32, i386, aarch64 and arm"
                ))
            })?;
            (Some(arch), word)
        }
        None => (None, text),
    };
    let digits = word.strip_prefix('#').unwrap_or(word);
    if digits.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        let nr = number(digits).and_then(|nr| u32::try_from(nr).ok());
        let nr = nr.ok_or_else(|| {
            bad(format!(
                "{word:?} is no system call's number: they go from 0 to 4294967295"
            ))
        })?;
        let arch = abi.unwrap_or(native);
        return Ok((arch, arch.seen_by_filters(nr)));
    }
    let found = |arch: Arch| arch.number(word).map(|nr| (arch, nr));
    let call = match abi {
        Some(arch) => found(arch),
        None => found(native).or_else(|| Arch::ALL.into_iter().find_map(found)),
    };
    match call {
        Some(call) => Ok(call),
        None if names::is_known(word) => Err(bad(format!(
            "{} has no system call {word}",
            abi.unwrap_or(native).name()
        ))),
        None => Err(bad(format!(
            "no system call is called {word:?}; {}",
            names::suggestion(word)
        ))),
    }
}

/// The arguments, what is left out being 0; none if none are given.
fn arguments(words: &[String]) -> Result<Option<[u64; 6]>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    let mut args = [0; 6];
    for (place, word) in args.iter_mut().zip(words) {
        *place = number(word).ok_or_else(|| {
            Failure::new(
                ExitStatus::BadInput,
                format!(
                    "{word:?} is no argument: write a decimal number, 0x and hexadecimal digits, \
                     or a negative number, of at most 64 bits"
                ),
            )
        })?;
    }
    Ok(Some(args))
}
