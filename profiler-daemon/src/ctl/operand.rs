//! What a person names as a profile: a file, standard input, a container, the filters loaded in
//! one, an image, or a profile that everybody knows.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{
    beside,
    exit::{ExitStatus, Failure},
    findings,
    printable::wrapped,
    standard_input::STANDARD_INPUT,
    table::WIDTH,
    terminal::Terminal,
    version_of,
};
use crate::{
    api::client::{Client, ClientError},
    audit::active::ActiveError,
    profile::compose::Options,
    seccomp::{
        arch::Arch,
        diagram::{Diagrams, Node, TooLarge},
        dialects::{
            Dialect, Document,
            docker::{
                self,
                resolve::{Circumstances, Resolved, resolve},
            },
            read, recognise,
        },
        filter::{compile::compile, program::Program, symbolic::stacked},
        finding::{Finding, Level, Reading},
        meaning::{self, Meaning},
        policy::Policy,
    },
};

/// Bytes of a file that are read at most: no profile is near as large.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// A profile, whatever it was named by.
#[derive(Debug)]
pub(super) struct Operand {
    /// What to call it.
    pub title: String,
    /// What it says.
    pub subject: Subject,
    /// What there is to say about its text.
    pub findings: Vec<Finding>,
    /// It is what strace saw: what a program calls, and not what starts it in a container.
    pub traced: bool,
    /// What an image's name leaves out, in words.
    pub beside: Option<String>,
}

/// What an operand says.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there are two at a time, and a document is the usual one"
)]
pub(super) enum Subject {
    /// A document.
    Document(Document),
    /// Filters in force together, the newest first.
    Filters(Vec<Program>),
    /// No filter.
    Unconfined,
}

/// A text and what was read of it, which may be nothing.
#[derive(Debug)]
pub(super) struct Text {
    /// What to call it.
    pub title: String,
    /// What it says.
    pub reading: Reading<Document>,
    /// Its dialect.
    pub dialect: Dialect,
    /// The dialect that it was taken for, if nobody said it.
    pub taken_for: Option<Dialect>,
}

impl Text {
    /// That it may be of another dialect, where it says nothing in the one it was taken for.
    pub(super) fn doubt(&self) -> Option<String> {
        let taken_for = self.taken_for.filter(|_| self.reading.value.is_none())?;
        Some(format!(
            "{}: it was taken for {}; `profilectl check` and `convert` take --from for another \
             dialect",
            self.title,
            word(taken_for)
        ))
    }
}

const fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Docker => "a Docker profile",
        Dialect::Oci => "an OCI configuration",
        Dialect::Lxc => "an LXC profile",
        Dialect::Systemd => "a systemd unit",
        Dialect::Mkseccomp => "a list for mkseccomp",
        Dialect::Strace => "strace's output",
        Dialect::Cbpf => "a filter's bytes",
        Dialect::CbpfText => "a filter as text",
    }
}

/// An operand, or the errors of its text.
pub(super) async fn load(name: &str, client: &Client, native: Arch) -> Result<Operand, Failure> {
    match name {
        "docker-default" => Ok(known(
            "docker-default",
            Subject::Document(Document::Profile(docker::docker_default())),
        )),
        "unconfined" => Ok(known("unconfined", Subject::Unconfined)),
        _ if is_file(name) => usable(text(name, None, native)?),
        _ => match name.strip_prefix("active:") {
            Some(container) => active(container, client).await,
            None => recorded(name, client, native).await,
        },
    }
}

/// A file or standard input, read in a dialect or in that which it is recognised as.
pub(super) fn text(name: &str, dialect: Option<Dialect>, native: Arch) -> Result<Text, Failure> {
    if dialect.is_some() && !is_file(name) {
        return Err(Failure::new(
            ExitStatus::BadInput,
            format!("--from is for files, and there is no file called {name}"),
        ));
    }
    let (title, bytes) = bytes(name)?;
    let read_as = dialect.unwrap_or_else(|| recognise(&bytes));
    Ok(Text {
        title,
        dialect: read_as,
        reading: read(&bytes, read_as, native),
        taken_for: dialect.is_none().then_some(read_as),
    })
}

/// True if a name can only be a file's, or is one. An image's may have slashes too.
pub(super) fn is_file(name: &str) -> bool {
    let bare = !name.starts_with("image:");
    name == "-" || (bare && name.contains('/')) || Path::new(name).exists()
}

/// A text as an operand; its errors, if it says nothing.
pub(super) fn usable(text: Text) -> Result<Operand, Failure> {
    let doubt = text.doubt().map(|doubt| wrapped(&doubt, 2, WIDTH));
    let Text {
        title,
        dialect,
        reading: Reading { value, findings },
        ..
    } = text;
    match value {
        Some(document) => Ok(Operand {
            title,
            subject: Subject::Document(document),
            findings,
            traced: dialect == Dialect::Strace,
            beside: None,
        }),
        None => {
            let mut told = findings::aside(&title, &findings, Level::Error);
            told.extend(doubt);
            Err(Failure::new(
                ExitStatus::BadInput,
                format!(
                    "{title} says nothing that could be used:\n{}",
                    told.trim_end()
                ),
            ))
        }
    }
}

fn known(title: &str, subject: Subject) -> Operand {
    Operand {
        title: title.to_owned(),
        subject,
        findings: Vec::new(),
        traced: false,
        beside: None,
    }
}

fn bytes(name: &str) -> Result<(String, Vec<u8>), Failure> {
    let failed = |title: &str, error: io::Error| {
        Failure::new(
            ExitStatus::BadInput,
            format!("cannot read {title}: {error}"),
        )
    };
    let (title, source): (&str, Box<dyn Read>) = if name == "-" {
        (STANDARD_INPUT, Box::new(io::stdin()))
    } else {
        let file = File::open(name).map_err(|error| failed(name, error))?;
        (name, Box::new(file))
    };
    let mut bytes = Vec::new();
    source
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(title, error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::new(
            ExitStatus::BadInput,
            format!("{title} is larger than 64 MiB, which no profile is"),
        ));
    }
    Ok((title.to_owned(), bytes))
}

/// What the daemon would export.
async fn recorded(name: &str, client: &Client, native: Arch) -> Result<Operand, Failure> {
    let export = match (version_of::parse(name), name.strip_prefix("image:")) {
        (Some((subject, number)), _) => {
            let version = client.version(&subject, number, Options::default());
            version.await.map(|version| version.export)
        }
        (None, Some(image)) => client.export_image(image, Options::default()).await,
        (None, None) => client.export(name, Options::default()).await,
    };
    let export = match export {
        Ok(export) => export,
        // A name without a prefix may have been meant as a file's.
        Err(error) if !name.starts_with("image:") => {
            return Err(match error {
                ClientError::NotFound(message) => Failure::new(
                    ExitStatus::NotFound,
                    format!("{message}; and there is no file called {name}"),
                ),
                ClientError::Unreachable { .. } => Failure::new(
                    ExitStatus::Unreachable,
                    format!(
                        "there is no file called {name}, nor can a container be asked for: {error}"
                    ),
                ),
                error => error.into(),
            });
        }
        Err(error) => return Err(error.into()),
    };
    let operand = exported(name, &export.profile, native)?;
    Ok(Operand {
        // A version is what it is; only a name without one may be taken for more than it means.
        beside: match (version_of::parse(name), name.strip_prefix("image:")) {
            (None, Some(image)) => beside::of_image(image, client).await,
            _ => None,
        },
        ..operand
    })
}

/// A profile as the daemon sends it.
pub(super) fn exported(
    title: &str,
    profile: &serde_json::Value,
    native: Arch,
) -> Result<Operand, Failure> {
    usable(Text {
        title: title.to_owned(),
        dialect: Dialect::Docker,
        reading: read(profile.to_string().as_bytes(), Dialect::Docker, native),
        taken_for: None,
    })
}

/// The filter in force for a container.
async fn active(container: &str, client: &Client) -> Result<Operand, Failure> {
    let active = client.active(container, false).await?;
    let programs = active.programs().map_err(|error| {
        let status = match error {
            ActiveError::Unknown(_) => ExitStatus::NotFound,
            ActiveError::Unreadable(_) => ExitStatus::Unreachable,
        };
        Failure::new(status, format!("{container}: {error}"))
    })?;
    Ok(known(
        &format!("active:{container}"),
        Subject::Filters(programs),
    ))
}

impl Operand {
    /// Tells what in its text means something else than it seems to say, and what it leaves out.
    pub(super) fn warn(&self, terminal: &Terminal) {
        let told = findings::aside(&self.title, &self.findings, Level::Warning);
        if !told.is_empty() {
            terminal.remark(told.trim_end());
        }
        if let Some(beside) = &self.beside {
            terminal.remark(beside);
        }
    }

    /// The policy that it comes to; none if it is no document of rules, or turns seccomp off.
    pub(super) fn policy(&self, circumstances: &Circumstances) -> Result<Option<Policy>, Failure> {
        match &self.subject {
            Subject::Document(Document::Profile(profile)) => {
                match resolve(profile, circumstances) {
                    Ok(Resolved::Filter(filter)) => Ok(Some(filter.policy)),
                    Ok(Resolved::Off) => Ok(None),
                    Err(error) => Err(self.bad(&error.to_string())),
                }
            }
            Subject::Document(Document::Policy(policy)) => Ok(Some(policy.clone())),
            Subject::Document(Document::Program(_)) | Subject::Filters(_) | Subject::Unconfined => {
                Ok(None)
            }
        }
    }

    /// Its meaning.
    pub(super) fn diagram(
        &self,
        diagrams: &mut Diagrams,
        circumstances: &Circumstances,
        meaning: Meaning,
    ) -> Result<Node, Failure> {
        let undecided = |error: TooLarge| self.bad(&error.to_string());
        if let Some(policy) = self.policy(circumstances)? {
            return meaning::diagram(diagrams, &policy, meaning)
                .map_err(|error| self.bad(&error.to_string()));
        }
        let programs = match &self.subject {
            Subject::Document(Document::Program(program)) => std::slice::from_ref(program),
            Subject::Filters(programs) => programs.as_slice(),
            Subject::Document(_) | Subject::Unconfined => &[],
        };
        stacked(diagrams, programs).map_err(undecided)
    }

    /// Its meaning as programs for the kernel, the newest first: what is a program already goes as it
    /// is, a document is compiled.
    pub(super) fn programs(
        &self,
        circumstances: &Circumstances,
        meaning: Meaning,
    ) -> Result<Vec<Program>, Failure> {
        match &self.subject {
            Subject::Filters(programs) => Ok(programs.clone()),
            Subject::Document(Document::Program(program)) => Ok(vec![program.clone()]),
            Subject::Unconfined => Ok(Vec::new()),
            Subject::Document(_) => {
                let mut diagrams = Diagrams::new();
                let root = self.diagram(&mut diagrams, circumstances, meaning)?;
                let program =
                    compile(&diagrams, root).map_err(|error| self.bad(&error.to_string()))?;
                Ok(vec![program])
            }
        }
    }

    fn bad(&self, message: &str) -> Failure {
        Failure::new(ExitStatus::BadInput, format!("{}: {message}", self.title))
    }
}
