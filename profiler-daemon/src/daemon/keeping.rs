//! The database as the collector needs it.
//!
//! The collector waits for what it keeps: a record is freed in the kernel only when it is on disk.
//! Every method is one small transaction, so the wait is that of a sync.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Serialize, de::DeserializeOwned};

use super::held::{Held, OpenError};
use crate::{
    collector::ports::{Keep, KeepError, KeepFacts, KeptContainer, KeptVersion, Reach},
    profile::{
        baseline::learned::LearnedBaseline,
        observation::Observation,
        version::{Head, NewVersion, Subject, Version},
        workload::Workload,
    },
    store::{ContainerRecord, Retention},
};

/// The database of a state directory.
pub(super) struct Records {
    held: Held,
    retention: Retention,
}

impl Records {
    /// Opens the database.
    ///
    /// # Errors
    /// It cannot be opened or read. That the state directory cannot be written is none: it is told, and
    /// what is kept is read.
    pub(super) fn open(root: &Path, retention: Retention) -> Result<Self, OpenError> {
        Ok(Self {
            held: Held::open(root)?,
            retention,
        })
    }
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

fn record_of(container: &KeptContainer) -> Result<ContainerRecord, KeepError> {
    let identity = &container.identity;
    Ok(ContainerRecord {
        id: identity.id.clone(),
        workload: identity.image.as_ref().and_then(|image| {
            let key = Workload::of(identity)?.key().into_owned();
            Some((key, image.reference.clone()))
        }),
        changed_ms: container.changed_ms,
        record: written("a container", container)?,
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
        self.held
            .read(async |database| database.container_ids().await)
    }

    fn container(&mut self, id: &str) -> Result<Option<KeptContainer>, KeepError> {
        let record = self
            .held
            .read(async |database| database.container(id).await)?;
        let kept = record.and_then(|text| {
            let kept: KeptContainer = told(read(&format!("the container {id}"), &text).map(Some))?;
            Some(KeptContainer {
                bytes: text.len() as u64,
                ..kept
            })
        });
        Ok(kept)
    }

    fn keep(&mut self, container: &KeptContainer) -> Result<(), KeepError> {
        let record = record_of(container)?;
        self.held
            .write(async |database| database.keep_container(&record).await)
    }

    fn set_aside(&mut self, id: &str, container: &KeptContainer) -> Result<(), KeepError> {
        let record = record_of(container)?;
        self.held
            .write(async |database| database.set_aside(id, &record).await)
    }

    fn forget(&mut self, id: &str) -> Result<(), KeepError> {
        self.held
            .write(async |database| database.forget_container(id).await)
    }

    fn keep_nameless(&mut self, cgroup: u64, observation: &Observation) -> Result<(), KeepError> {
        let record = written("a record", observation)?;
        self.held
            .write(async |database| database.keep_nameless(cgroup, &record, now_ms()).await)
    }

    fn learned(&mut self) -> LearnedBaseline {
        let Some(record) = told(self.held.read(async |database| database.learned().await)) else {
            return LearnedBaseline::default();
        };
        told(read("the runtimes", &record))
    }

    fn keep_learned(&mut self, learned: &LearnedBaseline) -> Result<(), KeepError> {
        let record = written("what was learned", learned)?;
        self.held
            .write(async |database| database.keep_learned(&record).await)
    }

    fn keep_filter(&mut self, hash: &str, instructions: &[u64]) -> Result<(), KeepError> {
        let bytes: Vec<u8> = instructions
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        self.held
            .write(async |database| database.keep_filter(hash, &bytes, now_ms()).await)
    }

    fn filter(&mut self, hash: &str) -> Option<Vec<u64>> {
        let bytes = told(self.held.read(async |database| database.filter(hash).await))?;
        let (words, rest) = bytes.as_chunks();
        rest.is_empty()
            .then(|| words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
    }

    fn heads(&mut self) -> Result<Vec<(Subject, Head)>, KeepError> {
        self.held.read(async |database| database.heads().await)
    }

    fn keep_version(&mut self, new: &NewVersion) -> Result<Head, KeepError> {
        self.held
            .write(async |database| database.keep_version(new).await)
    }

    fn versions(&mut self, subject: &Subject) -> Result<Vec<Version>, KeepError> {
        self.held
            .read(async |database| database.versions(subject).await)
    }

    fn version(
        &mut self,
        subject: &Subject,
        number: u64,
    ) -> Result<Option<KeptVersion>, KeepError> {
        let Some(version) = self
            .held
            .read(async |database| database.one_version(subject, number).await)?
        else {
            return Ok(None);
        };
        let Some((basis, completeness)) = self
            .held
            .read(async |database| database.content(subject, number).await)?
        else {
            return Ok(None);
        };
        Ok(Some(KeptVersion {
            version,
            basis: read("a version", &basis)?,
            completeness: read("a version", &completeness)?,
        }))
    }

    fn promote(
        &mut self,
        subject: &Subject,
        number: u64,
        by: Option<&str>,
        now_ms: u64,
    ) -> Result<bool, KeepError> {
        self.held
            .write(async |database| database.promote(subject, number, by, now_ms).await)
    }

    fn promoted(&mut self) -> Result<Vec<(Subject, u64)>, KeepError> {
        self.held.read(async |database| database.promoted().await)
    }

    fn images(&mut self) -> Result<Vec<(String, String)>, KeepError> {
        self.held.read(async |database| database.images().await)
    }

    fn tidy(&mut self, trusted_ms: Option<u64>) -> Result<bool, KeepError> {
        let retention = self.retention;
        self.held
            .write(async |database| database.tidy(retention, trusted_ms).await)
    }

    fn facts(&mut self) -> Result<KeepFacts, KeepError> {
        let facts = self
            .held
            .read(async |database| database.facts().await.map(Some));
        // Why it cannot be read is told beside it.
        let facts = match facts {
            Err(_) if self.held.shut().is_some() => None,
            facts => facts?,
        };
        Ok(match facts {
            Some(facts) => KeepFacts {
                path: facts.path,
                bytes: facts.bytes,
                versions: facts.versions,
            },
            None => KeepFacts {
                path: self.held.path(),
                bytes: 0,
                versions: 0,
            },
        })
    }

    fn shut(&self) -> Option<&str> {
        self.held.shut()
    }

    fn retry(&mut self) -> Reach {
        self.held.retry()
    }
}
