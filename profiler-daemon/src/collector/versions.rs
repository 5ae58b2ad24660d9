//! Making versions: when what a container or an image needs has changed, and nothing new came for a
//! while.
//!
//! The kernel's maps are the truth: what is compared is what they hold, not what news told. So a
//! change whose news was lost, or that came while no daemon ran, becomes a version as well.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::{Collector, authorship::Shares, ports::KeepError};
use crate::profile::{
    basis::Basis,
    call::Call,
    completeness::Completeness,
    discovery::Discovery,
    observation::{Observation, Sighting},
    verdict::judge_together,
    version::{Author, Change, Changed, Head, NewVersion, Reason, Subject, changed},
    workload::Workload,
};

/// Where new calls keep coming, a version is made after as many quiet periods.
const MOST_PERIODS: u32 = 6;

/// How long versions are made without a pause.
pub(super) const MOST_AT_ONCE: Duration = Duration::from_millis(50);

/// What is known of versions without asking the store.
#[derive(Debug)]
pub(super) struct Versions {
    /// How long nothing new must come before a version is made.
    quiet: Duration,
    heads: HashMap<Subject, Head>,
    /// All heads were read.
    known: bool,
    waiting: BTreeMap<Subject, Waiting>,
    /// Why the last one could not be kept.
    failure: Option<String>,
}

/// Something that may have changed.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When it first did, since its last version.
    since: Instant,
    /// When it last did.
    last: Instant,
    /// Since the daemon began.
    started: bool,
}

/// What something needs now.
pub(super) struct Current {
    pub(super) basis: Basis,
    /// The basis as JSON, and its digest.
    pub(super) text: String,
    pub(super) digest: String,
    pub(super) completeness: Completeness,
    /// Who brought each call in, with the container's id.
    seen: BTreeMap<Call, (String, Sighting)>,
    refused: BTreeMap<Call, (String, Sighting)>,
    shares: Shares,
}

impl Versions {
    pub(super) fn new(quiet: Duration) -> Self {
        Self {
            quiet,
            heads: HashMap::new(),
            known: false,
            waiting: BTreeMap::new(),
            failure: None,
        }
    }

    /// Why versions cannot be kept now.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The newest version.
    pub(super) fn head(&self, subject: &Subject) -> Option<&Head> {
        self.heads.get(subject)
    }

    /// How long nothing new must come before a version is made.
    pub(super) fn quiet(&self) -> Duration {
        self.quiet
    }

    /// Something is to be made a version of, or may be.
    pub(super) fn any(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What was kept under a container's id is kept under another.
    pub(super) fn set_aside(&mut self, id: &str, other: &str) {
        let subject = Subject::Container(id.to_owned());
        if let Some(head) = self.heads.remove(&subject) {
            let other = Subject::Container(other.to_owned());
            self.heads.insert(other, head);
        }
    }

    /// This may have changed. What happens over and over does not prolong the wait.
    fn touch(&mut self, subject: Subject, again: bool) {
        let now = Instant::now();
        self.waiting
            .entry(subject)
            .and_modify(|waiting| {
                if !again {
                    waiting.last = now;
                }
            })
            .or_insert(Waiting {
                since: now,
                last: now,
                started: false,
            });
    }

    /// What has waited long enough, and why that is.
    fn due(&self) -> Vec<(Subject, Reason)> {
        let due = |waiting: &Waiting| {
            let quiet = waiting.last.elapsed() >= self.quiet;
            let overdue = waiting.since.elapsed() >= self.quiet * MOST_PERIODS;
            match (waiting.started, quiet) {
                (true, _) if quiet || overdue => Some(Reason::Started),
                (_, true) => Some(Reason::Quiet),
                (..) => overdue.then_some(Reason::Due),
            }
        };
        self.waiting
            .iter()
            .filter_map(|(subject, waiting)| Some((subject.clone(), due(waiting)?)))
            .collect()
    }
}

impl Collector {
    /// Whose versions a container's calls are, beside its own: its workload's, once its image is known.
    pub(super) fn workload_of(&self, id: &str) -> Option<Subject> {
        let workload = Workload::of(&self.containers.get(id)?.identity)?;
        Some(Subject::Image(workload.key().into_owned()))
    }

    /// Reads which versions there are. Without that knowledge none is made.
    fn know_heads(&mut self) -> bool {
        if self.versions.known {
            return true;
        }
        match self.keep.heads() {
            Ok(heads) => {
                self.versions.heads.extend(heads);
                self.versions.known = true;
                true
            }
            Err(error) => self.version_kept(Err(error)),
        }
    }

    /// Has everything compared with what the kernel's maps hold.
    pub(super) fn take_up_versions(&mut self) {
        self.versions.known = false;
        self.know_heads();
        // Images too: one may be behind where its containers are not, if the daemon was killed in
        // between. They wait, for the news of who made the calls is still in the ring.
        let ids: Vec<String> = self.containers.keys().cloned().collect();
        for id in ids {
            self.touch(&id, false);
        }
        for waiting in self.versions.waiting.values_mut() {
            waiting.started = true;
        }
    }

    /// Finds what changed without news: some were lost, or there are none of that kind.
    pub(super) fn look_for_changes(&mut self) {
        let running = self.containers.iter();
        let running = running.filter(|(_, container)| !container.cgroups.is_empty());
        let ids: Vec<String> = running.map(|(id, _)| id.clone()).collect();
        for id in ids {
            let subject = Subject::Container(id.clone());
            if self.versions.waiting.contains_key(&subject) {
                continue;
            }
            let current = self.current(&subject).map(|current| current.digest);
            let newest = self.versions.heads.get(&subject).map(|head| &head.digest);
            if current.is_some() && current.as_ref() != newest {
                self.touch(&id, false);
            }
        }
    }

    /// A container, and with it its image, may have changed; `again` if by something that happens
    /// over and over.
    pub(super) fn touch(&mut self, id: &str, again: bool) {
        if !self.containers.contains_key(id) {
            return;
        }
        if let Some(image) = self.workload_of(id) {
            self.versions.touch(image, again);
        }
        self.versions
            .touch(Subject::Container(id.to_owned()), again);
    }

    /// A container ended: nothing new will come of it.
    pub(super) fn version_ended(&mut self, id: &str) {
        self.touch(id, false);
        let image = self.workload_of(id);
        let container = Subject::Container(id.to_owned());
        for subject in std::iter::once(container).chain(image) {
            self.make_version(&subject, Reason::Ended);
        }
    }

    /// Makes the versions that are due, some at a time: nobody is to wait long for an answer.
    pub(super) fn make_versions(&mut self) {
        let begin = Instant::now();
        for (subject, reason) in self.versions.due() {
            if !self.make_version(&subject, reason) || begin.elapsed() > MOST_AT_ONCE {
                return;
            }
        }
    }

    /// Makes all versions that anything waits for; called when the daemon stops.
    pub(super) fn flush_versions(&mut self) {
        let all: Vec<Subject> = self.versions.waiting.keys().cloned().collect();
        for subject in all {
            self.make_version(&subject, Reason::Stopped);
        }
    }

    /// Containers whose calls are something's.
    pub(super) fn ids_of(&self, subject: &Subject) -> Vec<String> {
        match subject {
            Subject::Container(id) => vec![id.clone()],
            Subject::Image(key) => {
                let containers = self.containers.iter();
                let of_image = containers.filter(|(_, container)| {
                    let workload = Workload::of(&container.identity);
                    workload.is_some_and(|workload| workload.key() == *key)
                });
                of_image.map(|(id, _)| id.clone()).collect()
            }
        }
    }

    /// What something needs now; none when nothing was recorded of it.
    pub(super) fn current(&mut self, subject: &Subject) -> Option<Current> {
        let ids = self.ids_of(subject);
        let mut union: Option<Observation> = None;
        let mut verdicts = Vec::new();
        let mut seen: BTreeMap<Call, (String, Sighting)> = BTreeMap::new();
        let mut refused = BTreeMap::new();
        let any_imported = ids.iter().any(|id| self.is_imported(id));
        let mut shares = Shares::default();
        for id in ids {
            let Some(observation) = self.observed(&id) else {
                continue;
            };
            if any_imported {
                shares.add(self.origin(&id), Basis::of(&observation));
            }
            verdicts.push((self.name(&id), self.judged(&id, Some(&observation))));
            for (call, sighting) in &observation.sightings {
                earliest(&mut seen, *call, &id, sighting.clone());
            }
            for refusal in observation.refusals.iter().filter(|one| !one.by_runtime) {
                let sighting = Sighting {
                    at_ms: refusal.first_ms,
                    exe: refusal.exe.clone(),
                    comm: refusal.comm.clone(),
                    pid: refusal.pid,
                    session: 0,
                };
                earliest(&mut refused, refusal.call, &id, sighting);
            }
            match &mut union {
                Some(union) => union.absorb(observation),
                None => union = Some(observation),
            }
        }
        let basis = Basis::of(&union?);
        if basis.is_empty() {
            return None;
        }
        let completeness = match verdicts.as_slice() {
            [(_, only)] if matches!(subject, Subject::Container(_)) => only.clone(),
            _ => judge_together(
                verdicts
                    .iter()
                    .map(|(name, verdict)| (name.as_str(), verdict.clone())),
            ),
        };
        let (text, digest) = digested(&basis)?;
        Some(Current {
            basis,
            text,
            digest,
            completeness,
            seen,
            refused,
            shares,
        })
    }

    /// What the next version would be of, and what the newest is of; none when nothing is known.
    pub(super) fn next(
        &mut self,
        subject: &Subject,
    ) -> Result<Option<(Current, Basis)>, KeepError> {
        let Some(mut current) = self.current(subject) else {
            return Ok(None);
        };
        let Some(head) = self.versions.heads.get(subject) else {
            return Ok(Some((current, Basis::default())));
        };
        if head.digest == current.digest {
            let before = current.basis.clone();
            return Ok(Some((current, before)));
        }
        let newest = self.keep.version(subject, head.number)?;
        let before = newest.map(|kept| kept.basis).unwrap_or_default();
        if matches!(subject, Subject::Image(_)) {
            // Containers are forgotten in time, and what they showed of their image is not.
            current.basis = current.basis.united(before.clone());
            match digested(&current.basis) {
                Some((text, digest)) => (current.text, current.digest) = (text, digest),
                None => return Ok(None),
            }
        }
        Ok(Some((current, before)))
    }

    /// Makes a version if what is known now is not what the newest has. False if it could not be
    /// kept: it is tried again.
    pub(super) fn make_version(&mut self, subject: &Subject, reason: Reason) -> bool {
        if !self.know_heads() || !self.has_own_history(subject) {
            return false;
        }
        let (current, before) = match self.next(subject) {
            Ok(Some(next)) => next,
            Ok(None) => {
                self.versions.waiting.remove(subject);
                return true;
            }
            Err(error) => return self.version_kept(Err(error)),
        };
        let head = self.versions.heads.get(subject);
        if head.is_some_and(|head| head.digest == current.digest) {
            self.versions.waiting.remove(subject);
            return true;
        }
        let (author, origins) = current.shares.author(&before);
        let reason = match (author, reason) {
            (Author::Import, Reason::Quiet | Reason::Due) => Reason::Imported,
            _ => reason,
        };
        let new = NewVersion {
            reference: self.reference(subject),
            subject: subject.clone(),
            author,
            origins,
            reason,
            created_ms: self.places.now_ms(),
            calls: (current.basis.made.len() + current.basis.probes.len()) as u64,
            changes: current.changes(&before),
            digest: current.digest,
            basis: current.text,
            completeness: current.completeness,
        };
        match self.keep.keep_version(&new) {
            Ok(head) => {
                tracing::debug!(
                    ?subject,
                    number = head.number,
                    ?reason,
                    "the newest version"
                );
                let number = head.number;
                self.versions.heads.insert(subject.clone(), head);
                self.versions.waiting.remove(subject);
                self.proposed(subject, number, &new.changes, &before);
                self.version_kept(Ok(()))
            }
            Err(error) => self.version_kept(Err(error)),
        }
    }

    /// What is kept under a subject's name is its own; what could not be set aside of another is, now.
    pub(super) fn has_own_history(&mut self, subject: &Subject) -> bool {
        match subject {
            Subject::Container(id) => self.is_apart(id),
            Subject::Image(_) => true,
        }
    }

    /// The reference of an image, as a container of it has it.
    fn reference(&self, subject: &Subject) -> Option<String> {
        let Subject::Image(key) = subject else {
            return None;
        };
        let mut identities = self
            .containers
            .values()
            .map(|container| &container.identity);
        let of_key = identities
            .find(|identity| Workload::of(identity).is_some_and(|workload| workload.key() == *key));
        Some(of_key?.image.as_ref()?.reference.clone())
    }

    /// Notes whether versions can be kept; said once when it changes.
    fn version_kept(&mut self, result: Result<(), KeepError>) -> bool {
        let failure = result.err().map(|error| error.to_string());
        match (&self.versions.failure, &failure) {
            (Some(_), None) => tracing::info!("versions can be kept again"),
            (before, Some(text)) if before.as_ref() != Some(text) && self.keep.shut().is_none() => {
                tracing::error!("{text}");
            }
            _ => {}
        }
        self.versions.failure = failure;
        self.versions.failure.is_none()
    }

    /// What is forgotten has no versions any more.
    pub(super) fn forget_versions(&mut self, id: &str) {
        let subject = Subject::Container(id.to_owned());
        self.versions.heads.remove(&subject);
        self.versions.waiting.remove(&subject);
        self.drift.forget(id);
    }
}

impl Current {
    /// How what is needed became known.
    pub(super) fn discovery(&self, now_ms: u64) -> Option<Discovery> {
        let made = &self.basis.made;
        let dated = self.seen.iter().filter(|(call, _)| made.contains(call));
        let times: Vec<u64> = dated.map(|(_, (_, sighting))| sighting.at_ms).collect();
        let undated = (made.len() - times.len()) as u64;
        Discovery::of(times, undated, now_ms)
    }

    /// What differs from a version, with who brought it in.
    fn changes(&self, before: &Basis) -> Vec<Change> {
        changed(before, &self.basis)
            .into_iter()
            .map(|(change, call)| {
                let seen = match change {
                    Changed::Added | Changed::Probed => self.seen.get(&call),
                    Changed::Refused => self.refused.get(&call),
                    Changed::Removed | Changed::Runtime | Changed::Values => None,
                };
                Change::of(change, call, seen.map(|(id, one)| (id.as_str(), one)))
            })
            .collect()
    }
}

fn earliest(
    seen: &mut BTreeMap<Call, (String, Sighting)>,
    call: Call,
    id: &str,
    sighting: Sighting,
) {
    let known = seen.get(&call);
    if known.is_none_or(|(_, known)| sighting.at_ms < known.at_ms) {
        seen.insert(call, (id.to_owned(), sighting));
    }
}

/// A basis as JSON, and the digest of that.
fn digested(basis: &Basis) -> Option<(String, String)> {
    match serde_json::to_string(basis) {
        Ok(text) => {
            let digest = Sha256::digest(text.as_bytes());
            let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            Some((text, digest))
        }
        Err(error) => {
            tracing::error!(%error, "what a profile rests on cannot be written as JSON");
            None
        }
    }
}
