//! Records that leave this host, and records of other hosts that are brought to it.
//!
//! An imported record is a container that ended elsewhere. It takes part in what is told of its image;
//! it never takes the place of a container of this host, nor of another host's.

use std::{collections::BTreeSet, io, time::Instant};

use super::{
    Collector, command::observations::ObservationsCommand, container::Container,
    ports::KeptContainer, reference, versions::MOST_AT_ONCE,
};
use crate::{
    api::protocol::{
        ErrorBody,
        observations::{Change, Imported, ImportedContainer, Observations, RecordedContainer},
    },
    profile::{
        identity::{Identity, Origin},
        merge::Merged,
        observation::Observation,
        version::Reason,
    },
};

impl Collector {
    /// Answers one question. Whoever asked may be gone; that is no error.
    pub(super) fn answer_observations(&mut self, command: ObservationsCommand) {
        match command {
            ObservationsCommand::OfContainer { container, reply } => {
                let _ = reply.send(self.record_of(&container));
            }
            ObservationsCommand::OfImage { image, reply } => {
                let _ = reply.send(self.records_of(&image));
            }
            ObservationsCommand::Import {
                observations,
                file,
                reply,
            } => {
                let _ = reply.send(self.import(observations, file.as_deref()));
            }
        }
    }

    /// The container's record was made elsewhere.
    pub(super) fn is_imported(&self, id: &str) -> bool {
        self.origin(id).is_some()
    }

    /// Where the container's record was made, if that was elsewhere.
    pub(super) fn origin(&self, id: &str) -> Option<Origin> {
        self.containers.get(id)?.identity.origin.as_deref().cloned()
    }

    fn record_of(&mut self, wanted: &str) -> Result<Vec<RecordedContainer>, ErrorBody> {
        self.read_losses();
        let id = reference::resolve(&self.containers, wanted)?;
        let record = self
            .observed(&id)
            .and_then(|record| self.leaving(&id, record));
        let Some(record) = record else {
            let name = self.name(&id);
            return Err(error(
                "not_found",
                format!(
                    "nothing was recorded of {name}, so there is nothing to export: start it while profilerd runs"
                ),
            ));
        };
        Ok(vec![record])
    }

    fn records_of(&mut self, image: &str) -> Result<Vec<RecordedContainer>, ErrorBody> {
        self.read_losses();
        let replicas = self.replicas(image)?;
        let records = replicas
            .ids()
            .filter_map(|id| self.leaving(id, replicas.of(id)?.clone()));
        Ok(records.collect())
    }

    /// A record as it leaves; none if no call of it was recorded, but some found in flight.
    fn leaving(&self, id: &str, record: Observation) -> Option<RecordedContainer> {
        let identity = self.containers.get(id)?.identity.clone();
        record.first_ms?;
        let verdict = self.judged(id, Some(&record));
        Some(RecordedContainer::of(identity, verdict, record))
    }

    /// Takes up a document, wholly or, if any of it cannot be, not at all.
    fn import(
        &mut self,
        document: Observations,
        file: Option<&str>,
    ) -> Result<Imported, ErrorBody> {
        let now_ms = self.places.now_ms();
        let mut coming = Vec::new();
        for (place, container) in document.containers.into_iter().enumerate() {
            let host = container
                .host
                .clone()
                .unwrap_or_else(|| document.host.clone());
            let known = self
                .containers
                .get(&container.id)
                .map(|known| &known.identity);
            self.is_welcome(place, &container, known, &host)?;
            let origin = Origin {
                host,
                imported_ms: now_ms,
                file: file.map(str::to_owned),
            };
            coming.push(self.taken_up(container, origin));
        }
        self.has_room(&coming)?;
        let mut told = Vec::new();
        let mut new = Vec::new();
        let mut failed = None;
        for (kept, change) in coming {
            let identity = &kept.identity;
            told.push(ImportedContainer {
                id: identity.id.clone(),
                name: identity.display_name().to_owned(),
                host: identity
                    .origin
                    .as_ref()
                    .map_or_else(String::new, |it| it.host.clone()),
                change,
            });
            if change == Change::Unchanged {
                continue;
            }
            // Only what is kept is taken up: an import that was answered outlives the daemon.
            let result = self.keep.keep(&kept);
            if !self.kept(result) {
                let failure = self.keep_failure.clone().unwrap_or_default();
                failed = Some(error(
                    "internal",
                    format!(
                        "{} could not be kept ({failure}); what comes before it in the document was imported: import it again once that is mended",
                        kept.identity.display_name()
                    ),
                ));
                break;
            }
            let id = kept.identity.id.clone();
            new.push(id.clone());
            let container = Container::kept(kept, &mut self.executables);
            self.containers.insert(id, container);
        }
        self.version_imported(&new);
        self.forget_oldest();
        match failed {
            Some(error) => Err(error),
            None => Ok(Imported { containers: told }),
        }
    }

    /// What is imported must not push itself out again.
    fn has_room(&self, coming: &[(KeptContainer, Change)]) -> Result<(), ErrorBody> {
        let new = || {
            coming
                .iter()
                .filter(|(_, change)| *change != Change::Unchanged)
        };
        let bytes: u64 = new().map(|(kept, _)| kept.bytes).sum();
        let bounds = self.bounds;
        if bytes <= bounds.imported_bytes && new().count() <= bounds.most {
            return Ok(());
        }
        Err(error(
            "bad_request",
            format!(
                "the {} records of this document take {} MiB, and of imported ones {} records and {} MiB are kept: \
                 raise `most` or `imported_mib` of [records] in profilerd's configuration, or export fewer containers; \
                 nothing was imported",
                new().count(),
                bytes.div_ceil(1 << 20),
                bounds.most,
                bounds.imported_bytes >> 20
            ),
        ))
    }

    fn is_welcome(
        &self,
        place: usize,
        container: &RecordedContainer,
        known: Option<&Identity>,
        host: &str,
    ) -> Result<(), ErrorBody> {
        let Some(known) = known else { return Ok(()) };
        let reason = match &known.origin {
            None => "a container of this daemon's own has that id; its record is not for a document to change".to_owned(),
            Some(origin) if origin.host != host => format!(
                "it was imported from the host {:?} before, and this document says {host:?}",
                origin.host
            ),
            Some(_) => return Ok(()),
        };
        Err(error(
            "conflict",
            format!(
                "containers[{place}].id: {}: {reason}; nothing was imported",
                container.id
            ),
        ))
    }

    /// What is to be kept of a container of a document, joined with what was imported of it before.
    fn taken_up(
        &mut self,
        container: RecordedContainer,
        origin: Origin,
    ) -> (KeptContainer, Change) {
        let before = self.observed(&container.id);
        let known = self.containers.get(&container.id);
        let known_since = known.map(|known| known.met_ms);
        let lost_before = known.and_then(|known| known.lost);
        let mut merged = Merged::default();
        if let Some(before) = before.clone() {
            merged.add(container.id.clone(), before);
        }
        merged.add(container.id.clone(), container.observation);
        let observation = merged.union();
        let lost_calls = container
            .completeness
            .lost_calls
            .max(lost_before.unwrap_or_default());
        let change = match before {
            None => Change::Added,
            Some(before) if before == observation && lost_before == Some(lost_calls) => {
                Change::Unchanged
            }
            Some(_) => Change::Extended,
        };
        let identity = Identity {
            name: container.name,
            image: container.image,
            entrypoint: container.entrypoint,
            labels: container.labels,
            runtime: container.runtime,
            no_new_privileges: container.no_new_privileges,
            created_ms: container.created_ms,
            unconfined: container.unconfined,
            running: false,
            origin: Some(Box::new(origin)),
            ..Identity::unnamed(container.id, container.engine)
        };
        let ordered_ms = self.ordered_now();
        let mut kept = KeptContainer {
            identity,
            asked: None,
            observation,
            cgroup: None,
            cgroups: BTreeSet::new(),
            boot: None,
            met_ms: known_since.unwrap_or(ordered_ms),
            lost_calls,
            changed_ms: ordered_ms,
            bytes: 0,
        };
        kept.bytes = measured(&kept);
        (kept, change)
    }

    /// Records were imported: their images have versions of them at once, as far as there is time; the
    /// rest follows after a quiet while.
    fn version_imported(&mut self, ids: &[String]) {
        let begin = Instant::now();
        let mut images = BTreeSet::new();
        for id in ids {
            self.touch(id, false);
            images.extend(self.workload_of(id));
        }
        for image in images {
            if !self.make_version(&image, Reason::Imported) || begin.elapsed() > MOST_AT_ONCE {
                return;
            }
        }
    }
}

/// Bytes that it takes where it is kept.
fn measured(kept: &KeptContainer) -> u64 {
    struct Count(u64);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // What cannot be written as JSON is told when it is to be kept.
    let _ = serde_json::to_writer(&mut count, kept);
    count.0
}

fn error(code: &str, message: String) -> ErrorBody {
    ErrorBody {
        code: code.to_owned(),
        message,
    }
}
