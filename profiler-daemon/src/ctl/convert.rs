//! `profilectl convert`: a profile from one dialect into another, what is lost named.

use std::{fmt::Write as _, path::Path};

use super::{
    circumstances::circumstances,
    compile,
    delivery::deliver_bytes,
    exit::{ExitStatus, Failure},
    findings,
    operand::{self, Operand, Subject, load, usable},
    printable::wrapped,
    profile_args::{ConvertArgs, DialectName, FilterFormat, WrittenDialect},
    table::WIDTH,
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    seccomp::{
        diagram::Diagrams,
        dialects::{
            Dialect, Document,
            docker::{
                self, Indent, Profile,
                resolve::{Circumstances, Resolved, resolve},
            },
            lxc, oci,
            placed::Placed,
            printed::Leaning,
            spo, systemd,
        },
        finding::{Finding, Level, Reading},
        meaning::Meaning,
        policy::Policy,
        runtime_needs,
    },
};

pub(super) async fn run(
    args: &ConvertArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let operand = match args.from {
        Some(from) => usable(operand::text(
            &args.profile,
            Some(from.into()),
            circumstances.arch,
        )?)?,
        None => load(&args.profile, client, circumstances.arch).await?,
    };
    let told = findings::aside(&operand.title, &operand.findings, Level::Note);
    if !told.is_empty() {
        terminal.remark(told.trim_end());
    }
    let leaning = if args.looser {
        Leaning::Looser
    } else {
        Leaning::Stricter
    };
    let bytes = written(&operand, &circumstances, args.to, leaning, terminal)?;
    deliver_bytes(&bytes, args.output.as_deref(), terminal)?;
    Ok(ExitStatus::Done)
}

/// An operand in a dialect; what the dialect can't say is told.
pub(super) fn written(
    operand: &Operand,
    circumstances: &Circumstances,
    to: WrittenDialect,
    leaning: Leaning,
    terminal: &Terminal,
) -> Result<Vec<u8>, Failure> {
    let bad = |message: String| {
        Failure::new(
            ExitStatus::BadInput,
            format!("{}: {message}", operand.title),
        )
    };
    if to == WrittenDialect::Cbpf {
        let mut diagrams = Diagrams::new();
        let root = operand.diagram(&mut diagrams, circumstances, Meaning::Exact)?;
        let program = compile::proven(&mut diagrams, root, operand)?;
        return Ok(compile::rendered(&program, FilterFormat::Cbpf));
    }
    if let (WrittenDialect::Docker, Subject::Document(Document::Profile(profile))) =
        (to, &operand.subject)
    {
        return Ok(docker::print(profile, Indent::Spaces).into_bytes());
    }
    let policy = operand
        .policy(circumstances)?
        .ok_or_else(|| bad(without_rules(&operand.subject).to_owned()))?;
    if !matches!(to, WrittenDialect::Docker | WrittenDialect::Oci) {
        tell_surroundings(operand, circumstances, terminal);
    }
    let printed = match to {
        WrittenDialect::Docker | WrittenDialect::Oci => {
            let mut profile = Profile::from(&for_runtimes(policy, operand, terminal));
            add_surroundings(&mut profile, operand, circumstances);
            return if to == WrittenDialect::Oci {
                oci::print(&profile, Indent::Spaces)
                    .map(String::into_bytes)
                    .map_err(|error| bad(error.to_string()))
            } else {
                Ok(docker::print(&profile, Indent::Spaces).into_bytes())
            };
        }
        WrittenDialect::Lxc => lxc::v2::print(&for_lxc(policy, operand, terminal), leaning),
        WrittenDialect::Lxc1 => lxc::v1::print(&for_lxc(policy, operand, terminal), leaning),
        WrittenDialect::Systemd => systemd::print(&policy, leaning),
        WrittenDialect::Spo | WrittenDialect::Cbpf => {
            let policy = for_runtimes(policy, operand, terminal);
            spo::print(&policy, &resource_name(&operand.title))
        }
    };
    let Reading { value, findings } = printed;
    let mut told = findings::aside(&operand.title, &findings, Level::Warning);
    for option in options(&findings) {
        let remark = format!("{}: {option}", operand.title);
        let _ = writeln!(told, "{}", wrapped(&remark, 2, WIDTH));
    }
    match value {
        Some(text) => {
            if !told.is_empty() {
                terminal.remark(told.trim_end());
            }
            Ok(text.into_bytes())
        }
        None => Err(bad(format!(
            "the dialect has no words for it, and nothing was written:\n{}",
            told.trim_end()
        ))),
    }
}

/// What a document says beside its rules, and a policy has no place for.
fn add_surroundings(profile: &mut Profile, operand: &Operand, circumstances: &Circumstances) {
    let Subject::Document(Document::Profile(source)) = &operand.subject else {
        return;
    };
    profile.listener_path.clone_from(&source.listener_path);
    profile
        .listener_metadata
        .clone_from(&source.listener_metadata);
    if let Ok(Resolved::Filter(filter)) = resolve(source, circumstances) {
        profile.flags = filter
            .flags
            .map(|flags| flags.into_iter().map(Placed::from).collect());
        let others = filter.without_table.into_iter().map(Placed::from);
        profile.architectures.extend(others);
    }
}

/// Tells what a document says beside its rules, for which only Docker's dialect and its kin have
/// fields.
fn tell_surroundings(operand: &Operand, circumstances: &Circumstances, terminal: &Terminal) {
    let Subject::Document(Document::Profile(source)) = &operand.subject else {
        return;
    };
    let mut lost: Vec<String> = source
        .flags
        .iter()
        .flatten()
        .map(|flag| flag.value.clone())
        .collect();
    if source.listener_path.is_some() {
        lost.push("listenerPath".to_owned());
    }
    if let Ok(Resolved::Filter(filter)) = resolve(source, circumstances) {
        lost.extend(filter.without_table);
    }
    if !lost.is_empty() {
        let remark = format!("{}: left out: {}", operand.title, lost.join(", "));
        terminal.remark(&wrapped(&remark, 2, WIDTH));
    }
}

/// Why there are no rules to write down.
const fn without_rules(subject: &Subject) -> &'static str {
    match subject {
        Subject::Document(Document::Program(_)) | Subject::Filters(_) => {
            "a filter is code and has no rules to write down; `profilectl eval` and `profilectl \
             diff` tell what it does, and --to cbpf writes it"
        }
        Subject::Document(_) => "it turns seccomp off: there is nothing to write down",
        Subject::Unconfined => "it is no filter at all: there is nothing to write down",
    }
}

/// By which options a mend of a printer's, which knows none, is to be had.
fn options(findings: &[Finding]) -> Vec<&'static str> {
    [
        (
            "looser side",
            "`profilectl convert --looser` leans to the looser side",
        ),
        (
            "stricter side",
            "`profilectl convert` without --looser leans to the stricter side",
        ),
        (
            "print version 1",
            "`profilectl convert --to lxc1` prints version 1",
        ),
        (
            "print version 2",
            "`profilectl convert --to lxc` prints version 2",
        ),
    ]
    .into_iter()
    .filter(|(words, _)| findings.iter().any(|finding| finding.mend.contains(words)))
    .map(|(_, option)| option)
    .collect()
}

/// What strace saw with what container runtimes call under a profile, so that a container starts.
pub(super) fn for_runtimes(policy: Policy, operand: &Operand, terminal: &Terminal) -> Policy {
    if !operand.traced {
        return policy;
    }
    let (policy, added) = runtime_needs::added(policy);
    if !added.is_empty() {
        let remark = format!(
            "{}: allowed for runc and crun themselves, which start no container without: {}",
            operand.title,
            added.join(", ")
        );
        terminal.remark(&wrapped(&remark, 2, WIDTH));
    }
    policy
}

/// With what LXC itself calls under a profile, so that a container starts.
fn for_lxc(policy: Policy, operand: &Operand, terminal: &Terminal) -> Policy {
    let (policy, added) = lxc::needs::added(policy);
    if !added.is_empty() {
        let remark = format!(
            "{}: allowed for LXC {} itself, which starts no container without: {}",
            operand.title,
            lxc::needs::VERSION,
            added.join(", ")
        );
        terminal.remark(&wrapped(&remark, 2, WIDTH));
    }
    policy
}

/// A name that Kubernetes takes, made of a file's or a container's.
fn resource_name(title: &str) -> String {
    let stem = Path::new(title).file_stem().unwrap_or_default();
    let name: String = stem
        .to_string_lossy()
        .to_ascii_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "profile".to_owned()
    } else {
        name.chars().take(200).collect()
    }
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Docker => Dialect::Docker,
            DialectName::Oci => Dialect::Oci,
            DialectName::Lxc => Dialect::Lxc,
            DialectName::Systemd => Dialect::Systemd,
            DialectName::Mkseccomp => Dialect::Mkseccomp,
            DialectName::StraceC | DialectName::Strace => Dialect::Strace,
            DialectName::Cbpf => Dialect::Cbpf,
            DialectName::CbpfText => Dialect::CbpfText,
        }
    }
}
