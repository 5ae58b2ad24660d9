//! `profilectl eval`: what a profile or a filter answers to one call.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    args::Format,
    circumstances::{circumstances, meaning},
    exit::{ExitStatus, Failure},
    operand::{Operand, load},
    policy_wording::{answer, call_line, cases, number},
    printable::printable,
    profile_args::EvalArgs,
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    seccomp::{
        action::Action,
        arch::{Arch, X32_BIT},
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
    let meaning = meaning(args.meaning, &args.circumstances)?;
    let calls = calls(&args.syscall, circumstances.arch)?;
    let arguments = arguments(&args.arguments)?;
    let operand = load(&args.profile, client, circumstances.arch).await?;
    let mut diagrams = Diagrams::new();
    let root = operand.diagram(&mut diagrams, &circumstances, meaning)?;
    let mut found = Vec::new();
    for (arch, nr) in calls {
        let node = diagrams.select_call(root, arch, nr);
        let verdict = verdict(&mut diagrams, node, arch, nr, arguments)?;
        found.push((arch, nr, verdict));
    }
    match args.format {
        Format::Json => {
            let list: Vec<Value> = found
                .iter()
                .map(|(arch, nr, verdict)| value(*arch, *nr, arguments, verdict))
                .collect();
            terminal.print_json(&list)?;
        }
        Format::Table => terminal.print(&text(&operand, &found, arguments))?,
    }
    let refused = found.iter().any(|(_, _, verdict)| match verdict {
        Standing::Always(action) => !action.lets_through(),
        Standing::Conditional(_) => false,
    });
    Ok(if refused {
        ExitStatus::Found
    } else {
        ExitStatus::Done
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
        None => standing(diagrams, node)
            .map_err(|error| Failure::new(ExitStatus::BadInput, error.to_string())),
    }
}

fn text(operand: &Operand, found: &[(Arch, u32, Standing)], arguments: Option<[u64; 6]>) -> String {
    let mut text = String::new();
    for (arch, nr, verdict) in found {
        let _ = write!(
            text,
            "{}: {}: ",
            printable(&operand.title),
            call_line(*arch, *nr, arguments)
        );
        match verdict {
            Standing::Always(action) => {
                let _ = writeln!(text, "{}", answer(*action));
            }
            Standing::Conditional(list) => {
                let _ = writeln!(text, "by its arguments");
                text.push_str(&cases(list, "  "));
            }
        }
        if passes_every_filter(*arch, *nr) {
            let _ = writeln!(
                text,
                "  the kernel makes this call itself and asks no filter"
            );
        }
    }
    text
}

fn value(arch: Arch, nr: u32, arguments: Option<[u64; 6]>, verdict: &Standing) -> Value {
    let mut value = json!({
        "abi": arch.name(),
        "nr": nr & !if arch == Arch::X32 { X32_BIT } else { 0 },
        "name": arch.syscall(nr),
        "args": arguments,
    });
    let (key, verdict) = match verdict {
        Standing::Always(action) => ("answer", Value::from(action.to_string())),
        Standing::Conditional(cases) => (
            "cases",
            cases
                .iter()
                .map(|case| {
                    json!({
                        "answer": case.action.to_string(),
                        "when": case.when.iter().map(ToString::to_string).collect::<Vec<_>>(),
                        "example": case.witness,
                    })
                })
                .collect(),
        ),
    };
    if let Value::Object(value) = &mut value {
        value.insert(key.to_owned(), verdict);
    }
    value
}

/// The calls that a person means: a name under the machine's own ABI, or the first that has it;
/// `ABI:NAME`; a number in place of a name.
fn calls(text: &str, native: Arch) -> Result<Vec<(Arch, u32)>, Failure> {
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
    if let Some(nr) = number(digits).and_then(|nr| u32::try_from(nr).ok()) {
        let arch = abi.unwrap_or(native);
        let bit = if arch == Arch::X32 { X32_BIT } else { 0 };
        return Ok(vec![(arch, nr | bit)]);
    }
    let found = |arch: Arch| arch.number(word).map(|nr| (arch, nr));
    let call = match abi {
        Some(arch) => found(arch),
        None => found(native).or_else(|| Arch::ALL.into_iter().find_map(found)),
    };
    match call {
        Some(call) => Ok(vec![call]),
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
