//! A host, its clocks, a kernel, its processes and a store on paper: what a collector works with where a
//! state is wanted that no machine can be brought into, such as a reboot or a clock of 2046.

mod store;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use super::{
    Collector, Parts,
    ports::{Home, KeepError, KeptContainer, Place, Places, Processes, Wanted},
    retention::RecordBounds,
};
use crate::{
    audit::evidence::FirstProcess,
    profile::{
        abi::Abi,
        arguments::Recorded,
        call::{Call, CallSet},
        engine_news::{EngineNews, SessionKind},
        identity::{Engine, Identity, Image},
        observation::Observation,
        origin::Phase,
        version::{Head, Subject},
    },
    recording::{
        news::News,
        source::{LossCount, Snapshot, Source, SourceError, SourceFacts},
    },
};

pub(super) const MINUTE: u64 = 60_000;
pub(super) const YEAR: u64 = 365 * 24 * 60 * MINUTE;
/// Records of containers that ended and are kept.
pub(super) const MOST_ENDED: usize = 100;
/// Some day in 2023.
pub(super) const TODAY: u64 = 1_700_000_000_000;

/// Whether what is kept can be reached.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Reached {
    /// Since the daemon began.
    #[default]
    Always,
    /// Nothing of it, as where its file system is not mounted.
    Not,
    /// It is there now, and the daemon has not looked.
    Just,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Paper {
    pub(super) reached: Reached,
    pub(super) wall_ms: u64,
    pub(super) boot_ms: u64,
    pub(super) boot_id: String,
    /// Cgroups that are there, each a container's own.
    pub(super) cgroups: BTreeMap<u64, Home>,
    pub(super) records: BTreeMap<u64, Snapshot>,
    /// The disk is full: what is to be kept of containers is not.
    pub(super) fails: bool,
    /// Calls that were lost.
    pub(super) lost: u64,
    pub(super) kept: BTreeMap<String, KeptContainer>,
    pub(super) nameless: Vec<u64>,
    pub(super) versions: BTreeMap<Subject, Vec<Head>>,
    pub(super) promoted: BTreeMap<Subject, u64>,
    /// By which times it was tidied.
    pub(super) tidied: Vec<Option<u64>>,
    /// How often all records were listed.
    pub(super) looked_over: u64,
}

/// A hand on it.
#[derive(Clone, Debug)]
pub(super) struct Ground(Arc<Mutex<Paper>>);

pub(super) fn call(nr: u32) -> Call {
    Call::new(Abi::X86_64, nr)
}

/// An id of which all digits are one.
pub(super) fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// A container as its engine tells of it.
pub(super) fn told(id: &str, name: &str, created_ms: u64) -> EngineNews {
    EngineNews::Seen(Identity {
        name: Some(name.into()),
        image: Some(Image {
            reference: "shop:1".into(),
            id: "sha256:1".into(),
        }),
        created_ms: Some(created_ms),
        ..Identity::unnamed(id.to_owned(), Engine::Docker)
    })
}

impl Ground {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Paper {
            wall_ms: TODAY,
            boot_ms: 10 * MINUTE,
            boot_id: "first".into(),
            ..Paper::default()
        })))
    }

    pub(super) fn paper(&self) -> MutexGuard<'_, Paper> {
        self.0.lock().unwrap()
    }

    /// The paper, where there is room on the disk.
    fn written(&self) -> Result<MutexGuard<'_, Paper>, KeepError> {
        let paper = self.paper();
        match paper.fails {
            true => Err(KeepError("the disk is full".into())),
            false => Ok(paper),
        }
    }

    /// Both clocks go on.
    pub(super) fn passes(&self, ms: u64) {
        let mut paper = self.paper();
        paper.wall_ms += ms;
        paper.boot_ms += ms;
    }

    /// The wall clock alone is set.
    pub(super) fn set_clock(&self, wall_ms: u64) {
        self.paper().wall_ms = wall_ms;
    }

    /// Another run of the kernel: no cgroup and no record is left.
    pub(super) fn reboot(&self) {
        let mut paper = self.paper();
        paper.cgroups.clear();
        paper.records.clear();
        paper.lost = 0;
        paper.boot_ms = MINUTE;
        paper.boot_id.push_str(" and another");
    }

    /// A daemon begins.
    pub(super) fn daemon(&self) -> Collector {
        let facts = SourceFacts {
            hooks: "paper",
            counting: false,
            arguments: false,
            limit: 100,
            since_ms: TODAY,
            shortcomings: Vec::new(),
        };
        Collector::new(Parts {
            source: Box::new(PaperKernel {
                ground: self.clone(),
                facts,
            }),
            places: Box::new(self.clone()),
            processes: Arc::new(self.clone()),
            keep: Box::new(self.clone()),
            engine_off: false,
            settle_ms: 10_000,
            shadows: Vec::new(),
            quiet: Duration::ZERO,
            bounds: RecordBounds {
                most: MOST_ENDED,
                age_ms: YEAR,
                imported_bytes: 1 << 20,
            },
            shortcomings: Vec::new(),
        })
        .unwrap()
    }

    /// A container's program runs in a cgroup and makes these calls.
    pub(super) fn runs(&self, collector: &mut Collector, id: &str, cgroup: u64, calls: &[u32]) {
        self.begins(id, cgroup, calls);
        let at_ms = self.paper().wall_ms;
        let mut news = vec![News::Born { at_ms, cgroup }];
        news.extend(calls.iter().map(|nr| News::Call {
            at_ms,
            cgroup,
            call: call(*nr),
            refused: None,
            count: 0,
            pid: 7,
            session: 1,
            exec_id: 0,
            comm: format!("in {cgroup}"),
        }));
        collector.on_kernel_news(news);
    }

    /// The same, and nobody hears of it.
    pub(super) fn begins(&self, id: &str, cgroup: u64, calls: &[u32]) {
        let mut paper = self.paper();
        let at_ms = paper.wall_ms;
        let home = Home {
            engine: Engine::Docker,
            id: id.to_owned(),
            root: PathBuf::from("/docker").join(id),
        };
        paper.cgroups.insert(cgroup, home);
        let observation = Observation {
            observed: calls.iter().map(|nr| call(*nr)).collect(),
            start_seen: true,
            program_started: true,
            sessions: 1,
            first_ms: Some(at_ms),
            last_new_ms: Some(at_ms),
            ..Observation::default()
        };
        let snapshot = Snapshot {
            cgroup,
            observation,
            ..Snapshot::default()
        };
        paper.records.insert(cgroup, snapshot);
    }

    /// A cgroup is removed; its record waits.
    pub(super) fn ends_unheard(&self, cgroup: u64) {
        let mut paper = self.paper();
        paper.cgroups.remove(&cgroup);
        if let Some(record) = paper.records.get_mut(&cgroup) {
            record.gone = true;
            record.observation.stop_seen = true;
        }
    }

    pub(super) fn ends(&self, collector: &mut Collector, cgroup: u64) {
        self.ends_unheard(cgroup);
        let at_ms = self.paper().wall_ms;
        collector.on_kernel_news(vec![News::Gone { at_ms, cgroup }]);
    }
}

impl Places for Ground {
    fn locate(&self, cgroup: u64) -> Place {
        let home = self.paper().cgroups.get(&cgroup).cloned();
        home.map_or(Place::Gone, Place::Container)
    }

    fn containers(&self) -> Vec<(u64, Home)> {
        let paper = self.paper();
        let all = paper.cgroups.iter();
        all.map(|(cgroup, home)| (*cgroup, home.clone())).collect()
    }

    fn in_flight(&self, _root: &Path) -> CallSet {
        CallSet::new()
    }

    fn executable(&self, _pid: u32) -> Option<String> {
        None
    }

    fn cgroup_of(&self, _pid: u32) -> Option<u64> {
        None
    }

    fn own_memory(&self) -> u64 {
        0
    }

    fn now_ms(&self) -> u64 {
        self.paper().wall_ms
    }

    fn boot_ms(&self) -> u64 {
        self.paper().boot_ms
    }

    fn boot_id(&self) -> Option<String> {
        Some(self.paper().boot_id.clone())
    }
}

impl Processes for Ground {
    fn first(&self, _wanted: &Wanted) -> Option<FirstProcess> {
        None
    }

    fn kernel(&self) -> (u32, u32) {
        (6, 1)
    }
}

struct PaperKernel {
    ground: Ground,
    facts: SourceFacts,
}

impl Source for PaperKernel {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn cgroups(&mut self) -> Result<Vec<u64>, SourceError> {
        let mut paper = self.ground.paper();
        paper.looked_over += 1;
        Ok(paper.records.keys().copied().collect())
    }

    fn snapshot(&mut self, cgroup: u64) -> Result<Option<Snapshot>, SourceError> {
        Ok(self.ground.paper().records.get(&cgroup).cloned())
    }

    fn release(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.ground.paper().records.remove(&cgroup);
        Ok(())
    }

    fn tell_again(&mut self, _cgroup: u64, _calls: &CallSet) -> Result<(), SourceError> {
        Ok(())
    }

    fn set_phase(&mut self, cgroup: u64, phase: Phase) -> Result<(), SourceError> {
        if let Some(record) = self.ground.paper().records.get_mut(&cgroup) {
            record.phase = phase;
        }
        Ok(())
    }

    fn expect(&mut self, _cgroup: u64, _kind: Option<SessionKind>) -> Result<(), SourceError> {
        Ok(())
    }

    fn record_arguments(&mut self, _recorded: &Recorded) -> Result<(), SourceError> {
        Ok(())
    }

    fn recorded_places(&self, _call: Call) -> Vec<u8> {
        Vec::new()
    }

    fn losses(&mut self) -> Result<Vec<LossCount>, SourceError> {
        Ok(vec![LossCount {
            cause: "paper",
            count: self.ground.paper().lost,
            loses_calls: true,
            meaning: "calls that are on no paper",
        }])
    }

    fn filter(&mut self, _hash: u64) -> Result<Option<Vec<u64>>, SourceError> {
        Ok(None)
    }

    fn forget_filter(&mut self, _hash: u64) -> Result<(), SourceError> {
        Ok(())
    }
}
