//! The candidates that the configuration file attaches: read and decided before the daemon is ready.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    api::protocol::shadows::Origin,
    audit::shadow::Shadow,
    collector::command::shadows::NewShadow,
    config::ConfiguredShadow,
    seccomp::{
        action::Action,
        arch::Arch,
        diagram::{Diagrams, Node},
        dialects::{
            Document,
            docker::resolve::{Circumstances, Resolved, resolve},
            read as read_text, recognise,
        },
        filter::symbolic,
        finding::{Finding, Level},
        meaning::{self, Meaning},
    },
};

/// Bytes of a file that are read at most: no profile is near as large.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Errors of one text that are told.
const MOST_TOLD: usize = 5;

/// A candidate of the configuration file cannot be used.
#[derive(Debug, Error)]
pub(super) enum ShadowError {
    #[error("[[shadow]] image = {image:?}: cannot read {}: {source}", path.display())]
    Unreadable {
        image: String,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("[[shadow]] image = {image:?}: {} is larger than 64 MiB, which no profile is", path.display())]
    TooLarge { image: String, path: PathBuf },
    #[error("[[shadow]] image = {image:?}: {} says nothing that could be used:{told}", path.display())]
    Meaningless {
        image: String,
        path: PathBuf,
        told: String,
    },
}

/// Reads and decides them all.
pub(super) fn read(configured: &[ConfiguredShadow]) -> Result<Vec<NewShadow>, ShadowError> {
    configured.iter().map(one).collect()
}

fn one(configured: &ConfiguredShadow) -> Result<NewShadow, ShadowError> {
    let ConfiguredShadow { image, profile } = configured;
    let meaningless = |told: String| ShadowError::Meaningless {
        image: image.clone(),
        path: profile.clone(),
        told,
    };
    let text = bytes(profile).map_err(|source| ShadowError::Unreadable {
        image: image.clone(),
        path: profile.clone(),
        source,
    })?;
    if text.len() as u64 > MOST_BYTES {
        return Err(ShadowError::TooLarge {
            image: image.clone(),
            path: profile.clone(),
        });
    }
    let reading = read_text(&text, recognise(&text), Arch::X86_64);
    let document = reading
        .value
        .ok_or_else(|| meaningless(told(profile, &reading.findings)))?;
    let mut diagrams = Diagrams::new();
    let root =
        decided(&mut diagrams, document).map_err(|error| meaningless(format!(" {error}")))?;
    Ok(NewShadow {
        name: Some(format!("image:{image}")),
        target: format!("image:{image}"),
        profile: profile.display().to_string(),
        shadow: Box::new(Shadow::of(diagrams, root)),
        origin: Origin::Config,
        lease: None,
    })
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A line an error, each with its place.
fn told(path: &Path, findings: &[Finding]) -> String {
    let errors = findings
        .iter()
        .filter(|finding| finding.level == Level::Error);
    let lines = errors.take(MOST_TOLD).map(|finding| {
        let place = finding
            .place
            .map_or_else(String::new, |place| format!(":{place}"));
        // What the text says may hold what a terminal obeys.
        let what: String = finding
            .what
            .chars()
            .filter(|sign| !sign.is_control())
            .collect();
        format!("\n{}{place}: {what}", path.display())
    });
    lines.collect()
}

/// What a document says to a container with the usual capabilities on this kernel.
fn decided(diagrams: &mut Diagrams, document: Document) -> Result<Node, String> {
    let policy = match document {
        Document::Policy(policy) => policy,
        Document::Program(program) => {
            return symbolic::diagram(diagrams, &program).map_err(|error| error.to_string());
        }
        Document::Profile(profile) => {
            let circumstances = Circumstances::usual(Arch::X86_64, this_kernel());
            match resolve(&profile, &circumstances).map_err(|error| error.to_string())? {
                Resolved::Filter(filter) => filter.policy,
                Resolved::Off => return Ok(diagrams.answer(Action::Allow)),
            }
        }
    };
    meaning::diagram(diagrams, &policy, Meaning::Exact).map_err(|error| error.to_string())
}

/// The first two numbers of this kernel's version; one that does not say them is taken for a new one.
fn this_kernel() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release
        .split(|letter: char| !letter.is_ascii_digit())
        .map_while(|part| part.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(first), Some(second)) => (first, second),
        _ => (u32::MAX, 0),
    }
}
