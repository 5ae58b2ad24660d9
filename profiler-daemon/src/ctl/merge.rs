//! `profilectl merge`: one profile that lets through what any of several does, and proof of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    circumstances::circumstances,
    convert::{for_runtimes, written},
    delivery::deliver_bytes,
    exit::{ExitStatus, Failure},
    operand::{Operand, Subject, load},
    printable::wrapped,
    profile_args::MergeArgs,
    table::WIDTH,
    terminal::Terminal,
    wording::{counted, qualified},
};
use crate::{
    api::client::Client,
    seccomp::{
        dialects::{Document, docker::Profile, printed::Leaning},
        meaning::Host,
        policy::Policy,
        union::{Compromise, NoUnion, Part, Union, lost_under, union},
    },
};

/// Calls in a remark before the rest is only counted.
const MOST_NAMES: usize = 8;

pub(super) async fn run(
    args: &MergeArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let bad = |message: String| Failure::new(ExitStatus::BadInput, message);
    let circumstances = circumstances(&args.circumstances)?;
    let names: BTreeSet<&String> = args.profiles.iter().collect();
    let mut parts = Vec::new();
    for name in names {
        let operand = load(name, client, circumstances.arch).await?;
        operand.warn(terminal);
        let Some(policy) = operand.policy(&circumstances)? else {
            return Err(bad(format!(
                "{}: {}",
                operand.title,
                without_rules(&operand.subject)
            )));
        };
        tell_left_out(&operand, terminal);
        parts.push(Part {
            policy: for_runtimes(policy, &operand, terminal),
            title: operand.title,
        });
    }
    let count = parts.len() as u64;
    let alone = parts.clone();
    let Union {
        policy,
        profile,
        compromises,
    } = union(parts).map_err(|error| match error {
        NoUnion::Unproven(_) => Failure::new(ExitStatus::Unreachable, error.to_string()),
        _ => bad(error.to_string()),
    })?;
    let names: BTreeSet<&String> = policy
        .rules
        .iter()
        .filter(|rule| rule.action.lets_through())
        .flat_map(|rule| &rule.names)
        .collect();
    let remark = format!(
        "{} let through; proven: all that any of {} lets through, with all its arguments, is among them",
        counted(names.len() as u64, "call", "calls"),
        counted(count, "profile", "profiles")
    );
    let merged = Operand {
        title: "merged".to_owned(),
        subject: Subject::Document(Document::Profile(profile)),
        findings: Vec::new(),
        traced: false,
        beside: None,
    };
    let bytes = written(
        &merged,
        &circumstances,
        args.format,
        Leaning::Looser,
        terminal,
    )?;
    deliver_bytes(&bytes, args.output.as_deref(), terminal)?;
    terminal.remark(&wrapped(&format!("merged: {remark}"), 2, WIDTH));
    for line in told(&compromises)
        .into_iter()
        .chain(by_runtime(&alone, &policy))
    {
        terminal.remark(&wrapped(&format!("merged: {line}"), 2, WIDTH));
    }
    Ok(ExitStatus::Done)
}

/// What a runtime does not do that the union says: libseccomp makes of rules put together what it
/// makes of none of them alone.
fn by_runtime(parts: &[Part], policy: &Policy) -> Option<String> {
    let host = Host::default();
    let runtime = format!("runc with libseccomp {}", host.libseccomp);
    match lost_under(parts, policy, host) {
        Ok(lost) if lost.is_empty() => None,
        Ok(lost) => {
            let names: Vec<String> = lost
                .into_iter()
                .map(|(name, arch)| qualified(arch.name(), name))
                .collect();
            Some(format!(
                "what {runtime} makes of it refuses some of what it lets through of one of them alone \
                 (`profilectl check` tells why): {}",
                listed(&names)
            ))
        }
        Err(error) => Some(format!("{runtime}: {error}")),
    }
}

/// Why there are no rules that could be put together with others.
const fn without_rules(subject: &Subject) -> &'static str {
    match subject {
        Subject::Document(Document::Program(_)) | Subject::Filters(_) => {
            "a filter is code and has no rules that could be put together with others"
        }
        Subject::Document(_) | Subject::Unconfined => {
            "it is no filter at all and lets through everything: whatever is merged with it does, too"
        }
    }
}

/// Tells what a document says beside its rules, which is for one container and not for a union.
fn tell_left_out(operand: &Operand, terminal: &Terminal) {
    let Subject::Document(Document::Profile(Profile {
        flags,
        listener_path,
        ..
    })) = &operand.subject
    else {
        return;
    };
    let mut left_out: Vec<&str> = flags
        .iter()
        .flatten()
        .map(|flag| flag.value.as_str())
        .collect();
    left_out.extend(listener_path.is_some().then_some("listenerPath"));
    if !left_out.is_empty() {
        let remark = format!("{}: left out: {}", operand.title, left_out.join(", "));
        terminal.remark(&wrapped(&remark, 2, WIDTH));
    }
}

/// What the union does not say exactly, a sentence each.
fn told(compromises: &[Compromise]) -> Vec<String> {
    let mut wider: Vec<String> = Vec::new();
    let mut answers: BTreeMap<(String, String, String), Vec<&str>> = BTreeMap::new();
    let mut lines = Vec::new();
    for compromise in compromises {
        match compromise {
            Compromise::Wider { name, arch } => wider.push(qualified(arch.name(), name)),
            Compromise::Answer {
                name,
                gets,
                instead_of,
                from,
            } => {
                let key = (gets.to_string(), instead_of.to_string(), from.join(", "));
                answers.entry(key).or_default().push(name);
            }
            Compromise::Default {
                gets,
                instead_of,
                from,
            } => lines.push(format!(
                "what no rule names gets {gets}, the mildest, and not {instead_of} as in {}",
                from.join(", ")
            )),
        }
    }
    if !wider.is_empty() {
        wider.sort();
        lines.push(format!(
            "lets through more than any of them, for rules cannot say it exactly: {}",
            listed(&wider)
        ));
    }
    for ((gets, instead_of, from), names) in answers {
        lines.push(format!(
            "where refused, {gets} and not {instead_of} as in {from}: {}",
            listed(&names)
        ));
    }
    lines
}

fn listed(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    let mut text = shown.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
