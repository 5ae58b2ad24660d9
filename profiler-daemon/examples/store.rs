//! How large the store becomes, and how soon it answers, as `cargo xtask bench` prints it: 1,000 images with a container each, of both
//! 50 versions of up to 300 calls.
//!
//! `store PROFILERD PROFILECTL`: fills a database in memory, starts the daemon over it on an empty
//! replay, and times `profilectl` and the bare requests. Figures are printed, never judged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a benchmark ends where its ground gives way"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use profiler_daemon::{
    api::client::Client,
    collector::ports::KeptContainer,
    profile::{
        abi::Abi,
        basis::Basis,
        call::{Call, CallSet},
        completeness::Completeness,
        compose::Options,
        identity::{Engine, Identity, Image},
        observation::{Observation, Sighting},
        version::{Author, Change, Changed, NewVersion, Reason, Subject, changed},
    },
    store::{ContainerRecord, Database, FILE},
};
use sha2::{Digest, Sha256};

const WORKLOADS: u64 = 1000;
const VERSIONS: usize = 50;
const CALLS: usize = 300;
const ROUNDS: usize = 21;
/// A time of which nothing is too old yet.
fn at_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_millis() as u64 - 86_400_000
}

/// The calls of a workload in the order in which it shows them: another one for each.
fn calls(workload: u64) -> Vec<Call> {
    let mut numbers: Vec<u32> = (0..450).collect();
    let mut state = workload.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for place in (1..numbers.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        numbers.swap(place, (state % (place as u64 + 1)) as usize);
    }
    numbers.truncate(CALLS);
    numbers
        .into_iter()
        .map(|nr| Call::new(Abi::X86_64, nr))
        .collect()
}

fn sighting(place: usize) -> Sighting {
    Sighting {
        at_ms: at_ms() + place as u64 * 1000,
        exe: Some(format!("/usr/lib/program/{}", place % 7)),
        comm: "program".into(),
        pid: 4711,
        session: 1,
    }
}

fn observation(made: &CallSet, order: &[Call]) -> Observation {
    let seen = order.iter().enumerate();
    let seen = seen.filter(|(_, call)| made.contains(call));
    let sightings: BTreeMap<Call, Sighting> =
        seen.map(|(place, call)| (*call, sighting(place))).collect();
    Observation {
        observed: made.clone(),
        answered: made.clone(),
        sightings,
        start_seen: true,
        stop_seen: true,
        program_started: true,
        sessions: 1,
        first_ms: Some(at_ms()),
        last_new_ms: Some(at_ms()),
        ..Observation::default()
    }
}

fn id_of(workload: u64) -> String {
    format!("{:064x}", u128::from(workload) << 64 | 0xbe)
}

fn image_of(workload: u64) -> Image {
    Image {
        reference: format!(
            "registry.example:5000/team/service-{workload}:1.{}",
            workload % 9
        ),
        id: format!("sha256:{:064x}", u128::from(workload) << 80 | 1),
    }
}

async fn fill(database: &mut Database, workload: u64) {
    let order = calls(workload);
    let (id, image) = (id_of(workload), image_of(workload));
    let mut made: CallSet = order[..CALLS - VERSIONS].iter().copied().collect();
    let mut before = Basis::default();
    for (place, call) in order[CALLS - VERSIONS..].iter().enumerate() {
        made.insert(*call);
        let basis = Basis::of(&observation(&made, &order));
        let text = serde_json::to_string(&basis).unwrap();
        let digest = Sha256::digest(text.as_bytes());
        let changes: Vec<Change> = changed(&before, &basis)
            .into_iter()
            .map(|(change, call)| {
                let place = order.iter().position(|one| *one == call).unwrap_or(0);
                let seen = sighting(place);
                let who = (change == Changed::Added).then_some((id.as_str(), &seen));
                Change::of(change, call, who)
            })
            .collect();
        for subject in [
            Subject::Container(id.clone()),
            Subject::Image(image.id.clone()),
        ] {
            let new = NewVersion {
                subject,
                reference: Some(image.reference.clone()),
                author: Author::Recorder,
                reason: Reason::Quiet,
                digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
                basis: text.clone(),
                created_ms: at_ms() + place as u64,
                calls: made.len() as u64,
                changes: changes.clone(),
                completeness: Completeness::default(),
            };
            database.keep_version(&new).await.unwrap();
        }
        before = basis;
    }
    let mut identity = Identity::unnamed(id.clone(), Engine::Docker);
    identity.name = Some(format!("service-{workload}"));
    identity.image = Some(image.clone());
    identity.running = false;
    let kept = KeptContainer {
        identity,
        asked: None,
        observation: observation(&made, &order),
        cgroup: None,
        cgroups: [].into(),
        lost_calls: 0,
        changed_ms: at_ms(),
    };
    let record = ContainerRecord {
        id,
        workload: Some((image.id, image.reference)),
        changed_ms: at_ms(),
        record: serde_json::to_string(&kept).unwrap(),
    };
    database.keep_container(&record).await.unwrap();
}

/// The daemon; ended with its guard.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start(daemon: &Path, folder: &Path) -> Daemon {
    let replay = folder.join("replay");
    let cgroups = folder.join("cgroups");
    fs::write(&replay, "# nothing\n").unwrap();
    fs::create_dir_all(&cgroups).unwrap();
    let child = Command::new(daemon)
        .arg("--socket")
        .arg(folder.join("s"))
        .arg("--state-dir")
        .arg(folder.join("state"))
        .args(["--docker", "none", "--replay"])
        .arg(replay)
        .arg("--cgroup-root")
        .arg(cgroups)
        .stderr(Stdio::null())
        .spawn()
        .expect("profilerd starts");
    Daemon(child)
}

fn printed(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{what:<34} {:>8.1} ms, at most {:>8.1} ms",
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1])
    );
}

fn main() {
    let mut words = env::args_os().skip(1);
    let (Some(daemon), Some(ctl)) = (words.next(), words.next()) else {
        eprintln!("usage: store PROFILERD PROFILECTL");
        return;
    };
    // On a disk it is the syncs that filling would wait for.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .expect("a temporary folder");
    let state = folder.path().join("state");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let begin = Instant::now();
    runtime.block_on(async {
        let mut database = Database::open(&state).await.unwrap();
        for workload in 0..WORKLOADS {
            fill(&mut database, workload).await;
        }
        database.close().await.unwrap();
    });
    let versions = WORKLOADS * VERSIONS as u64 * 2;
    println!(
        "{WORKLOADS} images and containers, {versions} versions, up to {CALLS} calls; filled in {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    let bytes = fs::metadata(state.join(FILE)).unwrap().len();
    println!("{:<34} {:>8.1} MB", "database", bytes as f64 / 1e6);

    let begin = Instant::now();
    let child = start(Path::new(&daemon), folder.path());
    let client = Client::new(folder.path().join("s"));
    while runtime.block_on(client.status()).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
    printed("start until it answers", vec![begin.elapsed()]);
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let times = (0..ROUNDS).map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed()
        });
        printed(what, times.collect());
    };
    let image = Subject::Image(image_of(500).reference);
    timed("request: status", &mut || {
        drop(runtime.block_on(client.status()).unwrap());
    });
    timed("request: list", &mut || {
        drop(runtime.block_on(client.list()).unwrap());
    });
    timed("request: history", &mut || {
        drop(runtime.block_on(client.history(&image)).unwrap());
    });
    timed("request: export of a version", &mut || {
        drop(
            runtime
                .block_on(client.version(&image, 25, Options::default()))
                .unwrap(),
        );
    });
    let run = |words: &[&str]| {
        let ended = Command::new(&ctl)
            .arg("--socket")
            .arg(folder.path().join("s"))
            .args(words)
            .output()
            .unwrap();
        assert!(matches!(ended.status.code(), Some(0 | 1)), "{ended:?}");
    };
    timed("profilectl list", &mut || run(&["list"]));
    timed("profilectl history C", &mut || {
        run(&["history", "service-500"]);
    });
    timed("profilectl export C@25", &mut || {
        run(&["export", "service-500@25"]);
    });
    timed("profilectl diff C@3 C@50", &mut || {
        run(&["diff", "service-500@3", "service-500@50"]);
    });
    // All that it has to compare after its start is behind it then.
    std::thread::sleep(Duration::from_secs(45));
    let status = runtime.block_on(client.status()).unwrap();
    println!(
        "{:<34} {:>8.1} MiB",
        "memory of the daemon",
        status.memory_bytes as f64 / 1_048_576.0
    );
    drop(child);
}
