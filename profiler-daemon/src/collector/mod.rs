//! The one task that owns all state; everybody else sends it messages.
//!
//! The kernel's maps are the truth and are read when somebody asks; what is kept here is
//! who a cgroup belongs to, who made a call first, and what outlived its cgroup. Nothing is
//! ever dropped for want of a name: a record stays in its map until it is known whose it is.

mod answers;
mod authorship;
mod clock;
pub mod command;
mod container;
mod drift;
mod engine;
mod evidence;
pub mod executables;
mod filters;
mod first_seen;
mod history;
mod images;
mod imports;
mod kernel_news;
mod logged;
mod names;
pub mod observed;
#[cfg(test)]
mod on_paper;
mod phases;
pub mod ports;
mod recent_pids;
mod reconcile;
mod reference;
pub mod retention;
mod shadow;
mod shadowing;
mod status;
mod succession;
mod versions;
mod workloads;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use self::{
    clock::{Clock, Moment},
    command::{Command, shadows::NewShadow},
    container::Container,
    drift::Drift,
    executables::Executables,
    logged::KernelLog,
    ports::{Home, Keep, KeepError, Places, Processes},
    recent_pids::RecentPids,
    retention::RecordBounds,
    shadow::Shadows,
    versions::Versions,
};
use crate::{
    api::protocol::Event,
    profile::{baseline::learned::LearnedBaseline, engine_news::EngineNews, identity::Identity},
    recording::{
        news::News,
        source::{LossCount, Source},
    },
};

/// Events a watcher may lag behind before it is told that it missed some.
const EVENTS: usize = 4096;
/// How often lost news is made good and changes are kept.
const RECONCILE: Duration = Duration::from_secs(5);
/// How often shadows are tended and what was held back is told, while there is any of it.
const BEAT: Duration = Duration::from_secs(1);

/// Whose a cgroup is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    Container(String),
    Host,
    /// It was gone before anybody could tell; its record waits.
    Unknown,
}

/// Where news and questions come in.
pub struct Inbox {
    /// From the kernel.
    pub kernel: mpsc::Receiver<Vec<News>>,
    /// From the container engine.
    pub engine: mpsc::Receiver<EngineNews>,
    /// From the socket.
    pub commands: mpsc::Receiver<Command>,
}

/// What the collector works with.
pub struct Parts {
    /// The kernel's records.
    pub source: Box<dyn Source>,
    /// Where cgroups are.
    pub places: Box<dyn Places>,
    /// What running processes tell.
    pub processes: Arc<dyn Processes>,
    /// What must outlive them.
    pub keep: Box<dyn Keep>,
    /// Docker is not asked at all.
    pub engine_off: bool,
    /// How long a container without a health check must make no new call until it counts as started
    /// up, milliseconds.
    pub settle_ms: u64,
    /// Candidates that are attached from the beginning.
    pub shadows: Vec<NewShadow>,
    /// How long nothing new must come of something before a version of it is made.
    pub quiet: Duration,
    /// How much is kept of containers that ended.
    pub bounds: RecordBounds,
    /// What else the daemon cannot do here, a sentence each.
    pub shortcomings: Vec<String>,
}

/// How the container engine is.
#[derive(Clone, Debug)]
enum EngineState {
    Off,
    Connected(String),
    Unreachable(String),
}

/// The owner of all state.
pub struct Collector {
    source: Box<dyn Source>,
    places: Box<dyn Places>,
    processes: Arc<dyn Processes>,
    keep: Box<dyn Keep>,
    containers: BTreeMap<String, Container>,
    owners: HashMap<u64, Owner>,
    executables: Executables,
    /// Hashes of filters of which it is known which arguments they look at.
    judged: BTreeSet<u64>,
    learned: LearnedBaseline,
    engine: EngineState,
    events: broadcast::Sender<Event>,
    losses: Vec<LossCount>,
    keep_failure: Option<String>,
    /// Cgroups that came and went unnamed, and whose records were kept so.
    nameless: u64,
    /// When every record was last looked over, milliseconds since boot, and how much news had been lost
    /// by then.
    looked_over: Option<(u64, u64)>,
    clock: Clock,
    /// This run of the kernel, if it can be told.
    boot: Option<String>,
    started_ms: u64,
    settle_ms: u64,
    bounds: RecordBounds,
    /// Copies of filters may be left in the kernel's table, for they could not be kept.
    filters_wait: bool,
    /// Containers that have not started up yet.
    starting: BTreeSet<String>,
    shadows: Shadows,
    versions: Versions,
    drift: Drift,
    /// When what is kept was last tidied, while there is no more to do.
    tidied: Option<Instant>,
    recent: RecentPids,
    log: KernelLog,
    shortcomings: Vec<String>,
}

impl Collector {
    /// Takes up what an earlier daemon kept, and what runs already.
    ///
    /// # Errors
    /// What was kept of containers could not be read.
    pub fn new(parts: Parts) -> Result<Self, KeepError> {
        let Parts {
            source,
            places,
            processes,
            mut keep,
            engine_off,
            settle_ms,
            shadows,
            quiet,
            bounds,
            shortcomings,
        } = parts;
        let now = Moment {
            wall_ms: places.now_ms(),
            boot_ms: places.boot_ms(),
        };
        let mut collector = Self {
            learned: keep.learned(),
            clock: Clock::new(now),
            boot: places.boot_id(),
            started_ms: now.wall_ms,
            settle_ms,
            bounds,
            // An earlier daemon's too.
            filters_wait: true,
            starting: BTreeSet::new(),
            source,
            places,
            processes,
            keep,
            containers: BTreeMap::new(),
            owners: HashMap::new(),
            executables: Executables::default(),
            judged: BTreeSet::new(),
            engine: if engine_off {
                EngineState::Off
            } else {
                EngineState::Unreachable("not asked yet".into())
            },
            events: broadcast::channel(EVENTS).0,
            losses: Vec::new(),
            keep_failure: None,
            nameless: 0,
            looked_over: None,
            shadows: Shadows::default(),
            versions: Versions::new(quiet),
            drift: Drift::default(),
            tidied: None,
            recent: RecentPids::default(),
            log: KernelLog::default(),
            shortcomings,
        };
        collector.read_losses();
        collector.take_up_kept()?;
        collector.take_up_running();
        collector.take_up_versions();
        collector.take_up_promoted();
        collector.reconcile();
        for new in shadows {
            let name = new.name.clone();
            if let Err(error) = collector.attach(new) {
                tracing::error!(shadow = name, "{}", error.message);
            }
        }
        Ok(collector)
    }

    /// All news from now on. Whoever must miss nothing asks before the collector works.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Works until told to stop; then keeps what is not kept yet.
    pub async fn run(mut self, mut inbox: Inbox, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(RECONCILE);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut kernel_open = true;
        let mut engine_open = true;
        loop {
            tokio::select! {
                biased;
                news = inbox.kernel.recv(), if kernel_open => match news {
                    Some(batch) => self.on_kernel_news(batch),
                    None => kernel_open = false,
                },
                news = inbox.engine.recv(), if engine_open => match news {
                    Some(news) => self.on_engine_news(news),
                    None => engine_open = false,
                },
                command = inbox.commands.recv() => match command {
                    Some(command) => self.answer(command),
                    None => break,
                },
                _ = ticks.tick() => self.reconcile(),
                _ = beats.tick(), if self.shadows.any()
                    || self.log.waits
                    || self.versions.any()
                    || !self.starting.is_empty() =>
                {
                    self.look_at_clock();
                    self.move_phases();
                    self.tend_shadows();
                    self.tell_logged();
                    self.make_versions();
                }
                () = stop.cancelled() => break,
            }
        }
        // The pump empties the ring before it closes the channel.
        while let Some(batch) = inbox.kernel.recv().await {
            self.on_kernel_news(batch);
        }
        self.reconcile();
        self.flush_versions();
    }

    /// A container by its full id, made known if it is not.
    fn container(&mut self, home: &Home) -> &mut Container {
        self.displace_imported(&home.id);
        let lost = self.lost_calls();
        let ordered = self.ordered_now();
        self.containers.entry(home.id.clone()).or_insert_with(|| {
            let identity = Identity::unnamed(home.id.clone(), home.engine);
            Container::new(identity, lost, ordered)
        })
    }

    /// Calls that could not be recorded since the recording began, on the whole host.
    fn lost_calls(&self) -> u64 {
        self.losses
            .iter()
            .filter(|loss| loss.loses_calls)
            .map(|loss| loss.count)
            .sum()
    }

    /// Reads the counters of losses, and tells watchers of new ones.
    fn read_losses(&mut self) {
        let mut losses = match self.source.losses() {
            Ok(losses) => losses,
            Err(error) => {
                tracing::error!(%error, "losses cannot be read");
                return;
            }
        };
        losses.extend(self.log.losses());
        for loss in &losses {
            let before = self
                .losses
                .iter()
                .find(|known| known.cause == loss.cause)
                .map_or(0, |known| known.count);
            if loss.count > before && !self.losses.is_empty() {
                tracing::warn!(
                    cause = loss.cause,
                    more = loss.count - before,
                    "{}",
                    loss.meaning
                );
                let _ = self.events.send(Event::Loss {
                    at_ms: self.places.now_ms(),
                    cause: loss.cause.into(),
                    more: loss.count - before,
                });
            }
        }
        self.losses = losses;
    }

    /// Notes whether keeping works; said once when it changes.
    fn kept(&mut self, result: Result<(), KeepError>) -> bool {
        match result {
            Ok(()) => {
                if self.keep_failure.take().is_some() {
                    tracing::info!("the state directory can be written again");
                }
                true
            }
            Err(error) => {
                let text = error.to_string();
                if self.keep_failure.as_ref() != Some(&text) && self.keep.shut().is_none() {
                    tracing::error!("{text}");
                }
                self.keep_failure = Some(text);
                false
            }
        }
    }
}
