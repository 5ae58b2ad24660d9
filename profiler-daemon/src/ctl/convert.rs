//! `profilectl convert`: a profile from one dialect into another, what is lost named.

use std::path::Path;

use super::{
    circumstances::circumstances,
    compile,
    delivery::deliver_bytes,
    exit::{ExitStatus, Failure},
    findings,
    operand::{self, Operand, Subject, load, usable},
    profile_args::{ConvertArgs, DialectName, FilterFormat, WrittenDialect},
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    seccomp::{
        diagram::Diagrams,
        dialects::{
            Dialect, Document,
            docker::{self, Indent, Profile, resolve::Circumstances},
            lxc, oci,
            printed::Leaning,
            spo, systemd,
        },
        finding::{Level, Reading},
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
    let told = findings::lines(&operand.title, &operand.findings, Level::Note);
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
    let policy = operand.policy(circumstances)?.ok_or_else(|| {
        bad(
            "it has no rules that could be written down: a filter is code, and no filter is none"
                .to_owned(),
        )
    })?;
    let printed = match to {
        WrittenDialect::Docker | WrittenDialect::Oci => {
            let profile = Profile::from(&for_runtimes(policy, operand, terminal));
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
    let told = findings::lines(&operand.title, &findings, Level::Warning);
    match value {
        Some(text) => {
            if !told.is_empty() {
                terminal.remark(told.trim_end());
            }
            Ok(text.into_bytes())
        }
        None => Err(Failure::new(
            ExitStatus::BadInput,
            told.trim_end().to_owned(),
        )),
    }
}

/// What strace saw with what container runtimes call under a profile, so that a container starts.
fn for_runtimes(policy: Policy, operand: &Operand, terminal: &Terminal) -> Policy {
    if !operand.traced {
        return policy;
    }
    let (policy, added) = runtime_needs::added(policy);
    if !added.is_empty() {
        terminal.remark(&format!(
            "{}: allowed for runc and crun themselves, which start no container without: {}",
            operand.title,
            added.join(", ")
        ));
    }
    policy
}

/// With what LXC itself calls under a profile, so that a container starts.
fn for_lxc(policy: Policy, operand: &Operand, terminal: &Terminal) -> Policy {
    let (policy, added) = lxc::needs::added(policy);
    if !added.is_empty() {
        terminal.remark(&format!(
            "{}: allowed for LXC {} itself, which starts no container without: {}",
            operand.title,
            lxc::needs::VERSION,
            added.join(", ")
        ));
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
