//! Records as they travel from one host to another: a document that bears them, and what became of
//! it. Pure: reading a document decides whether it can be one, not whether it is welcome.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::profile::{
    completeness::Completeness,
    identity::{Engine, Identity, Image, Runtime},
    observation::Observation,
    sound,
    workload::{Entrypoint, SEPARATOR},
};

/// What [`Observations::format`] says.
pub const FORMAT: &str = "profiler-observations";
/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;
/// Bytes of a document: some hundred containers with all their evidence.
pub const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Containers of one document.
const MOST_CONTAINERS: usize = 256;
/// Bytes of any name: of a container, an image, a runtime, a label's key, a file.
pub const MOST_NAME: usize = 512;
/// Bytes of all labels of a container.
const MOST_LABELS: usize = 256 * 1024;
/// Bytes of all words of an entrypoint.
const MOST_ENTRYPOINT: usize = 4096;
/// Calls lost: more cannot be added up.
const MOST_LOST: u64 = 1 << 48;

/// A document of records. Keys that this version does not know are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observations {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The host that the document was written on.
    pub host: String,
    /// The version of the profiler that wrote it.
    pub profiler: String,
    /// The containers, by id.
    pub containers: Vec<RecordedContainer>,
}

/// One container with everything that was recorded of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedContainer {
    /// The engine's full id, 64 hexadecimal digits.
    pub id: String,
    /// The host that recorded it; none if it is the one that wrote the document.
    #[serde(default)]
    pub host: Option<String>,
    /// Its engine.
    pub engine: Engine,
    /// Its name.
    pub name: Option<String>,
    /// Its image.
    pub image: Option<Image>,
    /// The entrypoint that it was made with, if that is not the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Entrypoint>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The runtime that started it.
    pub runtime: Option<Runtime>,
    /// `no-new-privileges` was set.
    pub no_new_privileges: Option<bool>,
    /// When its engine made it, milliseconds since the epoch.
    pub created_ms: Option<u64>,
    /// The engine asked for no filter.
    pub unconfined: Option<bool>,
    /// The verdict of the host that recorded it. It is for readers: whoever imports the record judges
    /// it anew, and takes `lost_calls` from here.
    pub completeness: Completeness,
    /// The record.
    pub observation: Observation,
}

/// `POST /v1/observations`: what became of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Its containers, in its order.
    pub containers: Vec<ImportedContainer>,
}

/// What became of one container of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedContainer {
    /// Its full id.
    pub id: String,
    /// Its name, or the id's first 12 digits.
    pub name: String,
    /// The host that recorded it.
    pub host: String,
    /// What was done.
    pub change: Change,
}

/// What an import did with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not known.
    Added,
    /// It was imported before, and this document holds more of it.
    Extended,
    /// It was imported before, and this document holds nothing new.
    Unchanged,
}

/// Why a document is none: a sentence with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoDocument(String);

/// What a document begins with, read first so that one of another kind or version is told as such.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<u32>,
}

impl Observations {
    /// A document of this version; the containers sorted, so that the same records are the same
    /// bytes.
    #[must_use]
    pub fn of(host: String, profiler: String, mut containers: Vec<RecordedContainer>) -> Self {
        containers.sort_by(|one, other| one.id.cmp(&other.id));
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            host,
            profiler,
            containers,
        }
    }

    /// Reads a document, and makes sure that it can be one.
    ///
    /// # Errors
    /// The first thing in it that cannot be, with its line and column or its path.
    pub fn read(text: &[u8]) -> Result<Self, NoDocument> {
        let no_json = |error: serde_json::Error| NoDocument(told(&error));
        let head: Head = serde_json::from_slice(text).map_err(no_json)?;
        if head.format.as_deref() != Some(FORMAT) {
            return Err(NoDocument(format!(
                "format: {FORMAT:?} is expected, as `profilectl observations export` writes it"
            )));
        }
        if head.version != Some(VERSION) {
            let found = head
                .version
                .map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(NoDocument(format!(
                "version: {VERSION} is the one that this profiler reads, and it is {found}; import \
                 it with a profiler as new as the one that wrote it"
            )));
        }
        let document: Self = serde_json::from_slice(text).map_err(no_json)?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), NoDocument> {
        short("host", &self.host)?;
        short("profiler", &self.profiler)?;
        if self.host.is_empty() {
            return Err(NoDocument("host: it is empty".to_owned()));
        }
        if self.containers.is_empty() || self.containers.len() > MOST_CONTAINERS {
            return Err(NoDocument(format!(
                "containers: from 1 to {MOST_CONTAINERS} are expected, and there are {}",
                self.containers.len()
            )));
        }
        let mut ids = BTreeSet::new();
        for (place, container) in self.containers.iter().enumerate() {
            let at = |key: &str| format!("containers[{place}].{key}");
            container.check(&at)?;
            if !ids.insert(&container.id) {
                let twice = format!("{}: {} stands twice", at("id"), container.id);
                return Err(NoDocument(twice));
            }
        }
        Ok(())
    }
}

/// A parser's sentence, with the place first.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(&place).unwrap_or(&text);
    format!("line {}, column {}: {reason}", error.line(), error.column())
}

fn short(place: &str, text: &str) -> Result<(), NoDocument> {
    if text.len() <= MOST_NAME {
        return Ok(());
    }
    Err(NoDocument(format!(
        "{place}: longer than {MOST_NAME} bytes"
    )))
}

impl RecordedContainer {
    /// A container of which everything is known that leaves its host.
    #[must_use]
    pub fn of(identity: Identity, completeness: Completeness, observation: Observation) -> Self {
        Self {
            id: identity.id,
            host: identity.origin.map(|origin| origin.host),
            engine: identity.engine,
            name: identity.name,
            image: identity.image,
            entrypoint: identity.entrypoint,
            labels: identity.labels,
            runtime: identity.runtime,
            no_new_privileges: identity.no_new_privileges,
            created_ms: identity.created_ms,
            unconfined: identity.unconfined,
            completeness,
            observation,
        }
    }

    fn check(&self, at: &dyn Fn(&str) -> String) -> Result<(), NoDocument> {
        let digits = self.id.bytes();
        let mut digits = digits.filter(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if self.id.len() != 64 || digits.by_ref().count() != 64 {
            return Err(NoDocument(format!(
                "{}: 64 lower-case hexadecimal digits are expected",
                at("id")
            )));
        }
        let runtime = self.runtime.as_ref();
        for (key, text) in [
            ("host", self.host.as_ref()),
            ("name", self.name.as_ref()),
            (
                "image.reference",
                self.image.as_ref().map(|it| &it.reference),
            ),
            ("image.id", self.image.as_ref().map(|image| &image.id)),
            ("runtime.name", runtime.map(|runtime| &runtime.name)),
            (
                "runtime.version",
                runtime.and_then(|it| it.version.as_ref()),
            ),
            (
                "runtime.libseccomp",
                runtime.and_then(|it| it.libseccomp.as_ref()),
            ),
        ] {
            short(&at(key), text.map_or("", String::as_str))?;
        }
        // It would pass for another workload's name.
        for (key, text) in self.image.iter().flat_map(|image| {
            [
                ("image.reference", &image.reference),
                ("image.id", &image.id),
            ]
        }) {
            if text.contains(SEPARATOR) {
                let odd = format!("{}: no image's has a {SEPARATOR:?}", at(key));
                return Err(NoDocument(odd));
            }
        }
        let words = self.entrypoint.iter().flat_map(Entrypoint::words);
        if words.map(|word| word.len() + 1).sum::<usize>() > MOST_ENTRYPOINT {
            let long = format!("{}: longer than {MOST_ENTRYPOINT} bytes", at("entrypoint"));
            return Err(NoDocument(long));
        }
        let labels = self
            .labels
            .iter()
            .map(|(key, value)| key.len() + value.len());
        if labels.sum::<usize>() > MOST_LABELS {
            let long = format!("{}: longer than {MOST_LABELS} bytes", at("labels"));
            return Err(NoDocument(long));
        }
        if self.completeness.lost_calls > MOST_LOST {
            let many = format!("{}: too many", at("completeness.lost_calls"));
            return Err(NoDocument(many));
        }
        sound::check(&self.observation)
            .map_err(|error| NoDocument(at(&format!("observation.{error}"))))
    }
}

#[cfg(test)]
#[path = "observations_tests.rs"]
mod tests;
