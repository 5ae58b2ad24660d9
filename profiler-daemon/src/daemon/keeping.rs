//! The database as the collector needs it.
//!
//! The collector waits for what it keeps: a record is freed in the kernel only when it is on disk.
//! Every method is one small transaction, so the wait is that of a sync.

use std::{
    future::Future,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_executor::block_on;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    collector::ports::{Keep, KeepError, KeepFacts, KeptContainer, KeptVersion},
    profile::{
        baseline::learned::LearnedBaseline,
        observation::Observation,
        version::{Head, NewVersion, Subject, Version},
    },
    store::{ContainerRecord, Database, Retention, StoreError},
};

/// The database of a state directory.
pub(super) struct Records {
    database: Database,
    retention: Retention,
}

impl Records {
    /// Opens the database.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(root: &Path, retention: Retention) -> Result<Self, StoreError> {
        Ok(Self {
            database: block_on(Database::open(root))?,
            retention,
        })
    }
}

/// Waits for the database, on this thread: it works on one of its own.
fn waited<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, KeepError> {
    block_on(work).map_err(|error| KeepError(error.to_string()))
}

fn written(what: &str, value: &impl Serialize) -> Result<String, KeepError> {
    serde_json::to_string(value)
        .map_err(|error| KeepError(format!("{what} cannot be written as JSON: {error}")))
}

fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, KeepError> {
    serde_json::from_str(text).map_err(|error| {
        KeepError(format!(
            "what was kept of {what} cannot be read, and is left as it is: {error}"
        ))
    })
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

/// What there is without what cannot be read, which is told.
fn told<T: Default>(result: Result<T, KeepError>) -> T {
    result.unwrap_or_else(|error| {
        tracing::error!("{error}");
        T::default()
    })
}

impl Keep for Records {
    fn container_ids(&mut self) -> Result<Vec<String>, KeepError> {
        waited(self.database.container_ids())
    }

    fn container(&mut self, id: &str) -> Result<Option<KeptContainer>, KeepError> {
        let record = waited(self.database.container(id))?;
        Ok(record.and_then(|text| told(read(&format!("the container {id}"), &text).map(Some))))
    }

    fn keep(&mut self, container: &KeptContainer) -> Result<(), KeepError> {
        let identity = &container.identity;
        let record = ContainerRecord {
            id: identity.id.clone(),
            image: identity
                .image
                .as_ref()
                .map(|image| (image.id.clone(), image.reference.clone())),
            changed_ms: container.changed_ms,
            record: written("a container", container)?,
        };
        waited(self.database.keep_container(&record))
    }

    fn forget(&mut self, id: &str) -> Result<(), KeepError> {
        waited(self.database.forget_container(id))
    }

    fn keep_nameless(&mut self, cgroup: u64, observation: &Observation) -> Result<(), KeepError> {
        let record = written("a record", observation)?;
        waited(self.database.keep_nameless(cgroup, &record, now_ms()))
    }

    fn learned(&mut self) -> LearnedBaseline {
        let Some(record) = told(waited(self.database.learned())) else {
            return LearnedBaseline::default();
        };
        told(read("the runtimes", &record))
    }

    fn keep_learned(&mut self, learned: &LearnedBaseline) -> Result<(), KeepError> {
        let record = written("what was learned", learned)?;
        waited(self.database.keep_learned(&record))
    }

    fn keep_filter(&mut self, hash: &str, instructions: &[u64]) -> Result<(), KeepError> {
        let bytes: Vec<u8> = instructions
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        waited(self.database.keep_filter(hash, &bytes, now_ms()))
    }

    fn filter(&mut self, hash: &str) -> Option<Vec<u64>> {
        let bytes = told(waited(self.database.filter(hash)))?;
        let (words, rest) = bytes.as_chunks();
        rest.is_empty()
            .then(|| words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
    }

    fn heads(&mut self) -> Result<Vec<(Subject, Head)>, KeepError> {
        waited(self.database.heads())
    }

    fn keep_version(&mut self, new: &NewVersion) -> Result<Head, KeepError> {
        waited(self.database.keep_version(new))
    }

    fn versions(&mut self, subject: &Subject) -> Result<Vec<Version>, KeepError> {
        waited(self.database.versions(subject))
    }

    fn version(
        &mut self,
        subject: &Subject,
        number: u64,
    ) -> Result<Option<KeptVersion>, KeepError> {
        let Some(version) = waited(self.database.one_version(subject, number))? else {
            return Ok(None);
        };
        let Some((basis, completeness)) = waited(self.database.content(subject, number))? else {
            return Ok(None);
        };
        Ok(Some(KeptVersion {
            version,
            basis: read("a version", &basis)?,
            completeness: read("a version", &completeness)?,
        }))
    }

    fn promote(&mut self, subject: &Subject, number: u64, now_ms: u64) -> Result<bool, KeepError> {
        waited(self.database.promote(subject, number, now_ms))
    }

    fn promoted(&mut self) -> Result<Vec<(Subject, u64)>, KeepError> {
        waited(self.database.promoted())
    }

    fn images(&mut self) -> Result<Vec<(String, String)>, KeepError> {
        waited(self.database.images())
    }

    fn tidy(&mut self, now_ms: u64) -> Result<bool, KeepError> {
        waited(self.database.tidy(self.retention, now_ms))
    }

    fn facts(&mut self) -> Result<KeepFacts, KeepError> {
        let facts = waited(self.database.facts())?;
        Ok(KeepFacts {
            path: facts.path,
            bytes: facts.bytes,
            versions: facts.versions,
        })
    }
}
