//! Ground for tests: programs of the layout before, loaded and pinned as a daemon of then did, and
//! cgroups in which something happens.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use profiler_common::record::CgroupRecord;

use super::{
    super::{
        pins::{Pins, programs_in, runs_in},
        plan::Plan,
        settings::{Hooks, Settings},
        slots,
    },
    Predecessor, Record,
    layout::VERSION,
};

/// The object of layout 2, as it was built at the last commit of that layout.
pub(super) static LAYOUT_2: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/layouts/2.bpf.o"
));

/// Names the pin directory to a child that is this test's own executable.
pub(super) const PINS: &str = "PROFILER_TEST_PINS";

/// A pin directory and cgroups of a test's own; all of it goes with this.
pub(super) struct Ground {
    pub(super) pin_dir: PathBuf,
    cgroups: PathBuf,
}

/// Where cgroup v2 is mounted.
fn hierarchy() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let of_version_2 = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|words| words.get(2) == Some(&"cgroup2"));
    PathBuf::from(of_version_2.unwrap()[1])
}

pub(super) fn settings(pin_dir: &Path) -> Settings {
    Settings {
        hooks: Hooks::Btf,
        pin_dir: Some(pin_dir.to_owned()),
        max_cgroups: 2048,
        // Nobody reads it while the test runs, and the whole machine is recorded.
        ring_bytes: 1 << 24,
        ..Settings::default()
    }
}

impl Ground {
    /// None where this is not root.
    pub(super) fn prepare() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        if !rustix::process::geteuid().is_root() {
            assert!(env::var("CI").as_deref() != Ok("true"), "needs root");
            eprintln!("SKIPPED: needs root");
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("profiler-upgrade-{}-{count}", std::process::id());
        let ground = Self {
            pin_dir: Path::new("/sys/fs/bpf").join(&name),
            cgroups: hierarchy().join(&name),
        };
        fs::create_dir(&ground.cgroups).unwrap();
        Some(ground)
    }

    /// Attaches the programs of layout 2, which go on by themselves.
    pub(super) fn begin_layout_2(&self) {
        self.begin(VERSION, LAYOUT_2);
    }

    /// Attaches the programs of an object, and pins them as those of a layout version.
    pub(super) fn begin(&self, version: u32, object: &'static [u8]) {
        let settings = settings(&self.pin_dir);
        let mut plan = Plan::decide(&settings).unwrap();
        plan.object = object;
        let pins = Pins::of(&self.pin_dir, version, &plan.hash(&settings));
        fs::create_dir_all(pins.base().join("maps")).unwrap();
        let mut ebpf = plan.load(&settings, Some(&pins)).unwrap();
        slots::fill(&mut ebpf, settings.max_cgroups).unwrap();
        plan.attach(&mut ebpf, Some(&pins)).unwrap();
    }

    /// Pins that are not of this build's layout.
    pub(super) fn other_pins(&self) -> Vec<PathBuf> {
        let own = format!("v{}", profiler_common::ABI_VERSION);
        let entries = fs::read_dir(&self.pin_dir).unwrap().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| !path.ends_with(&own))
            .collect()
    }

    /// The kernel's ids of the programs of layout 2.
    pub(super) fn old_programs(&self) -> Vec<u32> {
        let runs = runs_in(&self.pin_dir.join(format!("v{VERSION}")));
        let programs = runs.iter().flat_map(|run| {
            let names = programs_in(run).into_iter();
            names.map(|name| run.join(name)).collect::<Vec<_>>()
        });
        programs
            .map(|pin| aya::programs::ProgramInfo::from_pin(pin).unwrap().id())
            .collect()
    }

    /// What layout 2 holds of a cgroup, if it does.
    pub(super) fn old_record(&self, cgroup: u64) -> Option<Record> {
        let old = Predecessor::find(&self.pin_dir).unwrap().unwrap();
        let slot = old.slots.get(&cgroup, 0).ok()?;
        Some(old.records.get(&slot, 0).unwrap().0)
    }

    pub(super) fn make_cgroup(&self, name: &str) -> Cgroup {
        let path = self.cgroups.join(name);
        fs::create_dir(&path).unwrap();
        let id = fs::metadata(&path).unwrap().ino();
        Cgroup { path, id }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.pin_dir);
        for entry in fs::read_dir(&self.cgroups).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&self.cgroups);
    }
}

#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
    pub(super) id: u64,
}

impl Cgroup {
    /// Starts a program there the way a runtime does: a process from outside comes in, executes itself
    /// once more, and then the program.
    pub(super) fn start(&self, program: &[&str], variables: &[(&str, &str)]) -> Child {
        let come_in = r#"echo $$ > "$0/cgroup.procs" && exec sh -c 'exec "$@"' sh "$@""#;
        Command::new("sh")
            .args(["-c", come_in])
            .arg(&self.path)
            .args(program)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Removes it; nobody is in it any more.
    pub(super) fn remove(&self) {
        fs::remove_dir(&self.path).unwrap();
    }
}

/// A test of this executable, run in a process of its own.
pub(super) fn this_test(name: &str) -> Vec<String> {
    let program = env::current_exe().unwrap();
    let path = module_path!().split_once("::").unwrap().1;
    let path = path.replace("ground", &format!("upgrade_tests::{name}"));
    vec![
        program.to_str().unwrap().to_owned(),
        "--exact".to_owned(),
        path,
        "--nocapture".to_owned(),
    ]
}

/// A record in this process's memory, with nothing in it.
pub(super) fn empty() -> Box<CgroupRecord> {
    Box::new(slots::zero().0)
}
