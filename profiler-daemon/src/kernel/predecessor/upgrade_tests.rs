//! The kernel's own answer to whether an upgrade loses anything, counts anything twice or makes
//! anything up; and what is left of one that is killed.

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use profiler_common::record::STARTED;

use super::{
    super::{
        clock::BootTime,
        live::Kernel,
        object,
        pump::{Ring, pump},
        snapshot,
    },
    Record,
    ground::{Cgroup, Ground, LAYOUT_2, PINS, empty, settings, this_test},
    join::Live,
};
use crate::{
    profile::{
        abi::Abi,
        call::{Call, CallSet},
        observation::RefusedWith,
    },
    recording::{
        news::News,
        source::{Snapshot, Source},
    },
};

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// The worker's filter turns this one away.
const REFUSED: u32 = 600;
const X32_BIT: u32 = 1 << 30;

/// Calls that no kernel has yet, and that each worker makes once.
fn rare() -> Vec<Call> {
    let numbers = || (548..640).filter(|nr| *nr != REFUSED);
    let native = numbers().map(|nr| Call::new(Abi::X86_64, nr));
    native
        .chain(numbers().map(|nr| Call::new(Abi::X32, nr)))
        .collect()
}

#[expect(
    unsafe_code,
    reason = "libc has no safe way to make a call by its number"
)]
fn make(call: Call) -> i64 {
    let bit = if call.abi == Abi::X32 { X32_BIT } else { 0 };
    // SAFETY: no kernel has these calls.
    unsafe { libc::syscall(libc::c_long::from(call.nr | bit), 0, 0, 0, 0, 0, 0) }
}

/// `REFUSED` is answered with EPERM, everything else is let through.
#[expect(unsafe_code, reason = "libc has no safe prctl")]
fn install_filter() {
    let step = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, REFUSED),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: 4,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program is valid for the time of the call, in which it is copied.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ) == 0
    };
    assert!(installed);
}

/// A program that makes a rare call each 50 ms, and one that is refused. It is a child of the other
/// tests, and does nothing without being told so.
#[test]
fn worker() {
    if env::var_os("PROFILER_TEST_WORKER").is_none() {
        return;
    }
    install_filter();
    for call in rare() {
        assert_eq!(make(call), -1);
        make(Call::new(Abi::X86_64, REFUSED));
        thread::sleep(PAUSE);
    }
}

/// An upgrade; a child of the other tests too.
#[test]
fn upgrade() {
    if let Some(pins) = env::var_os(PINS) {
        Kernel::open(&settings(Path::new(&pins))).unwrap();
    }
}

/// The program runs, as the programs of layout 2 saw it.
fn has_started(ground: &Ground, cgroup: &Cgroup) {
    let begin = Instant::now();
    let started = |record: Record| record.flags & STARTED != 0;
    while !ground.old_record(cgroup.id).is_some_and(started) {
        assert!(begin.elapsed() < PATIENCE, "{cgroup:?} does not start");
        thread::sleep(Duration::from_millis(5));
    }
}

fn ended(child: &mut Child, what: &str) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what} does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn ended_well(child: &mut Child, what: &str) {
    let status = ended(child, what);
    assert!(status.success(), "{what}: {status}");
}

/// A start from a cgroup's making to its removal.
struct Start {
    cgroup: Cgroup,
    begun: Instant,
    over: Instant,
}

fn start(ground: &Ground, number: usize) -> Start {
    let begun = Instant::now();
    let cgroup = ground.make_cgroup(&format!("start-{number}"));
    ended_well(&mut cgroup.start(&["true"], &[]), "a start");
    cgroup.remove();
    Start {
        cgroup,
        begun,
        over: Instant::now(),
    }
}

fn snapshot_of(kernel: &mut Kernel, cgroup: &Cgroup) -> Snapshot {
    kernel.snapshot(cgroup.id).unwrap().expect("a record")
}

/// All news that there is.
fn told(ring: Ring) -> Vec<News> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (to, mut from) = tokio::sync::mpsc::channel(16);
        let stop = tokio_util::sync::CancellationToken::new();
        stop.cancel();
        let pump = tokio::spawn(pump(ring, to, stop));
        let mut all = Vec::new();
        while let Some(batch) = from.recv().await {
            all.extend(batch);
        }
        pump.await.unwrap().unwrap();
        all
    })
}

fn missing(wanted: &CallSet, found: &CallSet) -> Vec<Call> {
    wanted
        .iter()
        .filter(|call| !found.contains(call))
        .copied()
        .collect()
}

#[test]
fn an_upgrade_misses_no_call() {
    let Some(ground) = Ground::prepare() else {
        return;
    };
    ground.begin_layout_2();
    let program = this_test("worker");
    let program: Vec<&str> = program.iter().map(String::as_str).collect();
    let mut workers: Vec<(Cgroup, Child)> = (0..8)
        .map(|number| {
            let cgroup = ground.make_cgroup(&format!("worker-{number}"));
            let child = cgroup.start(&program, &[("PROFILER_TEST_WORKER", "1")]);
            (cgroup, child)
        })
        .collect();
    let old_programs = ground.old_programs();
    let over = AtomicBool::new(false);
    let (mut kernel, ring, starts, opened, open) = thread::scope(|scope| {
        let starts = scope.spawn(|| {
            let mut starts = Vec::new();
            let mut more = 5;
            while more > 0 {
                starts.push(start(&ground, starts.len()));
                more -= usize::from(over.load(Ordering::Relaxed));
            }
            starts
        });
        for (cgroup, _) in &workers {
            has_started(&ground, cgroup);
        }
        // They have made some of their calls.
        thread::sleep(Duration::from_millis(500));
        let opened = Instant::now();
        let kernel = Kernel::open(&settings(&ground.pin_dir));
        let open = Instant::now();
        over.store(true, Ordering::Relaxed);
        let (kernel, ring) = kernel.unwrap();
        (kernel, ring, starts.join().unwrap(), opened, open)
    });
    let still_at_work = workers
        .iter_mut()
        .all(|(_, child)| child.try_wait().unwrap().is_none());
    for (_, child) in &mut workers {
        ended_well(child, "a worker");
    }
    if !still_at_work {
        println!("the upgrade took longer than the work: less was shown than usual");
    }

    assert_eq!(ground.other_pins(), Vec::<std::path::PathBuf>::new());
    assert_eq!(old_programs.len(), 8);
    let running: BTreeSet<u32> = aya::programs::loaded_programs()
        .flatten()
        .map(|info| info.id())
        .collect();
    assert!(old_programs.iter().all(|id| !running.contains(id)));

    let wanted: CallSet = rare().into_iter().collect();
    let news = told(ring);
    for (cgroup, _) in &workers {
        // Also what nobody had read when the old programs went.
        let told: CallSet = news
            .iter()
            .filter_map(|news| match news {
                News::Call {
                    cgroup: at, call, ..
                } => (*at == cgroup.id).then_some(*call),
                _ => None,
            })
            .collect();
        assert_eq!(missing(&wanted, &told), [], "news is missing");
        let snapshot = snapshot_of(&mut kernel, cgroup);
        let seen = &snapshot.observation;
        assert_eq!(missing(&wanted, &seen.observed), [], "calls are missing");
        assert_eq!(
            missing(&wanted, &seen.unsupported),
            [],
            "returns are missing"
        );
        assert!(
            seen.start_seen && seen.program_started,
            "{cgroup:?}: its start is forgotten"
        );
        assert_eq!((seen.sessions, seen.filters.len()), (1, 1));
        // Neither the first part of them is lost, nor is the part counted twice that both saw.
        let refusals: Vec<_> = snapshot
            .refusals
            .iter()
            .map(|counted| &counted.refusal)
            .map(|refusal| (refusal.call, refusal.with, refusal.by_runtime))
            .collect();
        let refused = (
            Call::new(Abi::X86_64, REFUSED),
            RefusedWith::Errno(libc::EPERM as u16),
            false,
        );
        assert_eq!(refusals, [refused], "refusals are invented or lost");
        let count = snapshot.refusals[0].refusal.count;
        assert!((1..=wanted.len() as u64).contains(&count), "{count}");
        assert_eq!(seen.refused.len() + seen.runtime_refused.len(), 1);
    }

    let reference = snapshot_of(&mut kernel, &starts[0].cgroup).observation;
    assert!(!reference.observed.is_empty() && reference.start_seen);
    let mut during = 0;
    let mut unseen = 0;
    for start in &starts {
        let snapshot = snapshot_of(&mut kernel, &start.cgroup);
        let seen = &snapshot.observation;
        assert!(snapshot.gone, "an end is missing");
        assert_eq!(missing(&reference.observed, &seen.observed), []);
        assert_eq!(seen.refused.len() + seen.runtime_refused.len(), 0);
        let exchanged = start.over > opened && start.begun < open;
        during += usize::from(exchanged);
        if exchanged && !seen.start_seen {
            unseen += 1;
            continue;
        }
        assert!(
            seen.start_seen && seen.program_started,
            "a start is missing"
        );
        assert_eq!(seen.sessions, 1, "a start is counted twice");
        if !exchanged {
            assert_eq!(seen.observed, reference.observed);
        }
    }
    assert!(during > 0);
    // Of the whole machine, on which others may run whose filters cannot be read.
    let lost = kernel.losses().unwrap();
    let mut lost = lost.iter().filter(|loss| loss.count > 0);
    assert!(lost.all(|loss| !loss.loses_calls), "{lost:?}");
    println!(
        "{} calls of 8 workers, {} starts, {during} of them during the {:?} of the upgrade, {unseen} told as not seen from their beginning",
        wanted.len() * 8,
        starts.len(),
        open - opened
    );
}

#[test]
fn what_cannot_be_taken_over_is_told_and_not_read() {
    let Some(ground) = Ground::prepare() else {
        return;
    };
    ground.begin(1, LAYOUT_2);
    // Pinned as if it was of the version before.
    ground.begin(2, object::BTF);
    let (kernel, _ring) = Kernel::open(&settings(&ground.pin_dir)).unwrap();
    let told = &kernel.facts().shortcomings;
    let has = |words: &[&str]| {
        let mut told = told.iter();
        told.any(|told| words.iter().all(|word| told.contains(word)))
    };
    assert!(
        has(&["v2/maps/RECORDS cannot be taken over (values of"]),
        "{told:?}"
    );
    assert!(has(&["v1 was another", "is lost"]), "{told:?}");
    assert!(has(&["v2 was another", "is lost"]), "{told:?}");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(!kernel.adopted());
    assert_eq!(ground.other_pins(), Vec::<std::path::PathBuf>::new());
}

#[expect(unsafe_code, reason = "memory of this test's own stands for the map's")]
fn taken_over(old: &Record) -> Snapshot {
    let mut record = empty();
    record.cgroup = old.cgroup;
    // SAFETY: a record that nobody else has.
    unsafe { Live::new(std::ptr::from_mut(&mut *record).cast()) }.join(old, true);
    snapshot::convert(&record, BootTime::now())
}

/// Times are turned from one clock into another, and may differ by a millisecond.
fn without_times(mut snapshot: Snapshot) -> Snapshot {
    let seen = &mut snapshot.observation;
    (seen.first_ms, seen.last_new_ms) = (None, None);
    snapshot.refusals.clear();
    snapshot
}

#[test]
fn what_was_taken_over_is_the_same_however_often_it_is_done() {
    // Whatever is done to maps and pins is one of these calls. Those that make maps and pin them come
    // first.
    for (calls, stride, most) in [
        ("bpf", 5, 25),
        ("bpf", 397, 100),
        ("mmap", 13, 100),
        ("?unlink,unlinkat,?rename,?renameat2,mkdir", 1, 100),
    ] {
        let Some(ground) = Ground::prepare() else {
            return;
        };
        ground.begin_layout_2();
        let starts: Vec<Start> = (0..6).map(|number| start(&ground, number)).collect();
        let expected: Vec<Snapshot> = starts
            .iter()
            .map(|start| ground.old_record(start.cgroup.id).unwrap())
            .map(|record| without_times(taken_over(&record)))
            .collect();
        let upgrade = this_test("upgrade");
        let mut killed = 0;
        while killed < most {
            let at = 1 + killed * stride;
            let mut child = Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e"])
                .arg(format!("trace={calls}"))
                .arg("-e")
                .arg(format!("inject={calls}:signal=KILL:when={at}"))
                .args(&upgrade)
                .env(PINS, &ground.pin_dir)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let status = ended(&mut child, "an upgrade");
            if status.success() {
                break;
            }
            let by_kill = status.signal() == Some(9) || status.code() == Some(128 + 9);
            assert!(by_kill, "{calls} {at}: {status}");
            killed += 1;
            assert!(killed < 100, "{calls}: it never ends");
        }
        let (mut kernel, _ring) = Kernel::open(&settings(&ground.pin_dir)).unwrap();
        for (start, expected) in starts.iter().zip(&expected) {
            let found = without_times(snapshot_of(&mut kernel, &start.cgroup));
            assert_eq!(&found, expected, "after {killed} kills at {calls}");
        }
        assert_eq!(ground.other_pins(), Vec::<std::path::PathBuf>::new());
        assert!(fs::read_dir(ground.pin_dir.join("v3")).unwrap().count() == 2);
        println!("{killed} kills at {calls}");
    }
}
