//! The candidates that are attached, and what each would have refused: state only.
//!
//! Bounded: so many shadows, each with the containers that are known and the calls that it would
//! refuse. Must not ask the kernel, nor tell anybody.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Weak,
};

use crate::{
    api::protocol::shadows::Origin,
    audit::shadow::{Forecast, Shadow},
    profile::{
        call::{Call, CallSet},
        observation::Sighting,
        workload::Named,
    },
};

/// Shadows at a time.
pub(super) const MOST: usize = 64;
/// Between two reports of a call of one container, milliseconds.
const APART_MS: u64 = 1000;

/// What a candidate is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A container, by its full id.
    Container(String),
    /// All containers of an image, by reference or id, that were made with one entrypoint.
    Image(Named),
}

impl std::fmt::Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Container(id) => out.write_str(id),
            Self::Image(named) => write!(out, "image:{named}"),
        }
    }
}

/// One call that a candidate would have refused a container.
#[derive(Clone, Debug)]
pub(super) struct Foreseen {
    pub(super) forecast: Forecast,
    /// It was made before the candidate was attached.
    pub(super) earlier: bool,
    pub(super) first: Option<Sighting>,
    /// When it was last told of.
    pub(super) told_ms: Option<u64>,
    pub(super) reports: u64,
    /// The kernel is to be asked to tell of the next one, once it is time.
    waits: bool,
}

impl Foreseen {
    /// Its arguments were seen: it is known for sure, or to be answered more strictly.
    pub(super) fn sharpen(&mut self, forecast: Forecast) {
        let surer = forecast.certain && !self.forecast.certain;
        let stricter =
            forecast.certain == self.forecast.certain && forecast.answer < self.forecast.answer;
        if surer || stricter {
            self.forecast = forecast;
        }
    }

    /// One made before there was anybody to tell, or whose news nobody brought.
    pub(super) fn made_already(forecast: Forecast, earlier: bool, first: Option<Sighting>) -> Self {
        Self {
            forecast,
            earlier,
            first,
            told_ms: None,
            reports: 0,
            waits: false,
        }
    }

    /// It was made at a time; true if that is to be told.
    pub(super) fn made(&mut self, now_ms: u64) -> bool {
        self.waits = self.forecast.certain;
        if self
            .told_ms
            .is_some_and(|told| now_ms.saturating_sub(told) < APART_MS)
        {
            return false;
        }
        self.told_ms = Some(now_ms);
        self.reports += 1;
        true
    }

    /// It was made with values that decide, and is told.
    pub(super) fn told(&mut self, now_ms: u64) {
        self.told_ms = Some(now_ms);
        self.reports += 1;
    }

    fn due(&mut self, now_ms: u64) -> bool {
        let due = self.waits
            && self
                .told_ms
                .is_none_or(|told| now_ms.saturating_sub(told) >= APART_MS);
        self.waits &= !due;
        due
    }
}

/// An attached candidate.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) target: Target,
    pub(super) profile: String,
    pub(super) origin: Origin,
    pub(super) attached_ms: u64,
    pub(super) shadow: Box<Shadow>,
    /// It ends once nobody holds the other end.
    pub(super) lease: Option<Weak<()>>,
    /// What it would have refused, by container.
    pub(super) containers: BTreeMap<String, BTreeMap<Call, Foreseen>>,
}

impl Attachment {
    fn is_over(&self) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.strong_count() == 0)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    pub(super) attached: BTreeMap<String, Attachment>,
    /// How many names were made up.
    named: u64,
    /// When the kernel was first asked to tell of a call again, by cgroup.
    asked: HashMap<u64, BTreeMap<Call, u64>>,
    /// Cgroups that were there before this daemon: an earlier one may have asked.
    taken_up: HashSet<u64>,
}

impl Shadows {
    pub(super) fn any(&self) -> bool {
        !self.attached.is_empty()
    }

    /// A name that no other shadow has.
    pub(super) fn next_name(&mut self) -> String {
        loop {
            self.named += 1;
            let name = format!("watch-{}", self.named);
            if !self.attached.contains_key(&name) {
                return name;
            }
        }
    }

    /// A record that an earlier daemon may have left.
    pub(super) fn take_up(&mut self, cgroup: u64) {
        self.taken_up.insert(cgroup);
    }

    /// The cgroup is gone.
    pub(super) fn forget_cgroup(&mut self, cgroup: u64) {
        self.asked.remove(&cgroup);
        self.taken_up.remove(&cgroup);
    }

    /// News of a call is no first sighting: it was asked for again. `first_ms` is when it was seen
    /// first, as far as that is known already.
    ///
    /// News that is older than the question was under way when it was asked, and answers nothing.
    pub(super) fn is_repeated(
        &self,
        cgroup: u64,
        call: Call,
        at_ms: u64,
        first_ms: Option<u64>,
    ) -> bool {
        let known = first_ms.is_some_and(|first_ms| first_ms < at_ms);
        let asked = self.asked.get(&cgroup).and_then(|calls| calls.get(&call));
        // The kernel's clock and ours may differ by a millisecond; what is known already settles it.
        asked.is_some_and(|asked| known || *asked <= at_ms)
            || (known && self.taken_up.contains(&cgroup))
    }

    /// The kernel is asked to tell of these again.
    pub(super) fn note_asked(&mut self, cgroup: u64, calls: &CallSet, now_ms: u64) {
        let asked = self.asked.entry(cgroup).or_default();
        for call in calls {
            asked.entry(*call).or_insert(now_ms);
        }
    }

    /// The clock was set by so many milliseconds. Times that are compared with those of news, or with
    /// now, go with it.
    pub(super) fn clock_set(&mut self, by_ms: i64) {
        let asked = self.asked.values_mut().flat_map(BTreeMap::values_mut);
        let attached = self.attached.values_mut().flat_map(|one| {
            let calls = one.containers.values_mut().flat_map(BTreeMap::values_mut);
            let told = calls.filter_map(|foreseen| foreseen.told_ms.as_mut());
            told.chain([&mut one.attached_ms])
        });
        for time in asked.chain(attached) {
            *time = time.saturating_add_signed(by_ms);
        }
    }

    /// Names of those that end now, for whoever held them has gone.
    pub(super) fn over(&self) -> Vec<String> {
        let over = self.attached.iter().filter(|(_, one)| one.is_over());
        over.map(|(name, _)| name.clone()).collect()
    }

    /// By container the calls that the kernel is to tell of again now.
    pub(super) fn due(&mut self, now_ms: u64) -> BTreeMap<String, CallSet> {
        let mut due: BTreeMap<String, CallSet> = BTreeMap::new();
        for attachment in self.attached.values_mut() {
            for (id, calls) in &mut attachment.containers {
                for (call, foreseen) in calls {
                    if foreseen.due(now_ms) {
                        due.entry(id.clone()).or_default().insert(*call);
                    }
                }
            }
        }
        due
    }
}

#[cfg(test)]
#[path = "shadow_tests.rs"]
mod tests;
