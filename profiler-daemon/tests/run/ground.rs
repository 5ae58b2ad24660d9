//! Where commands are run under profiles: a folder for all, with a copy of profilectl, as nobody
//! where we are root.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    bounded::{Ended, run},
    probe::compile_c,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that anybody may write to.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
}

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    /// The report; nothing if there is none.
    pub(crate) report: Option<Value>,
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777))
            .expect("a folder for all");
        let ground = Self { folder };
        // Where the build is, nobody may not come.
        ground.copy(Path::new(env!("CARGO_BIN_EXE_profilectl")), "profilectl");
        ground
    }

    /// By a process of its own: a file that we had open to write would be so, for a moment, in every
    /// child that another test starts, and could not be executed.
    fn copy(&self, from: &Path, name: &str) {
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(from).arg(self.path(name));
        let ended = run(&mut install, PATIENCE);
        assert!(ended.success(), "{ended}");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A program without a libc, that calls what its body says; for all.
    pub(crate) fn program(&self, name: &str, body: &str) -> String {
        let flags = [
            "-static",
            "-nostdlib",
            "-ffreestanding",
            "-fno-stack-protector",
            "-fno-pie",
            "-no-pie",
        ];
        let built = compile_c(&format!("{BARE}{body}\n}}\n"), &flags);
        self.copy(&built, name);
        self.text(name)
    }

    /// A profile that allows these calls; answers the rest with this errno.
    pub(crate) fn allowing(&self, name: &str, calls: &[&str], errno: u16) -> String {
        self.profile(
            name,
            &json!({
                "defaultAction": "SCMP_ACT_ERRNO",
                "defaultErrnoRet": errno,
                "architectures": ["SCMP_ARCH_X86_64"],
                "syscalls": [{"names": calls, "action": "SCMP_ACT_ALLOW"}],
            }),
        )
    }

    pub(crate) fn profile(&self, name: &str, profile: &Value) -> String {
        let path = self.path(name);
        fs::write(&path, profile.to_string()).expect("the profile can be written");
        path.display().to_string()
    }

    /// `profilectl` with these words, as nobody where we are root.
    pub(crate) fn profilectl(&self, words: &[&str]) -> Command {
        self.nobody(&self.path("profilectl"), words)
    }

    /// A command as nobody where we are root.
    pub(crate) fn nobody(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(words).current_dir(self.folder.path());
        command
    }

    /// Runs a command under a profile, to its end, and reads the report.
    pub(crate) fn run(&self, profile: &str, options: &[&str], command: &[&str]) -> Ran {
        let report = self.path(&format!("report-{}", unique()));
        let file = report.display().to_string();
        let mut words = vec![
            "run",
            "--profile",
            profile,
            "--format",
            "json",
            "--report",
            &file,
        ];
        words.extend(options);
        words.push("--");
        words.extend(command);
        let ended = run(&mut self.profilectl(&words), PATIENCE);
        let report = fs::read(&report)
            .ok()
            .map(|bytes| serde_json::from_slice(&bytes).expect("the report is JSON"));
        Ran { ended, report }
    }
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Ran {
    /// The report, which has to be there.
    pub(crate) fn report(&self) -> &Value {
        self.report
            .as_ref()
            .unwrap_or_else(|| panic!("there is no report: {}", self.ended))
    }

    /// What the profile refuses: ABI, name, answer, and how often.
    pub(crate) fn refused(&self) -> Vec<(String, String, String, u64)> {
        self.kinds()
            .map(|kind| {
                let text = |key: &str| kind[key].as_str().unwrap_or("?").to_owned();
                let count = kind["count"].as_u64().expect("a count");
                (text("abi"), text("name"), text("answer"), count)
            })
            .collect()
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Value> {
        self.report()["refused"]["kinds"]
            .as_array()
            .unwrap_or_else(|| panic!("nobody watched: {}", self.report()))
            .iter()
    }
}

/// A program that is nothing but calls, up to its body; `said` writes a number.
const BARE: &str = concat!(
    include_str!("../bare/calls.h"),
    r#"
static void said(long value) {
    char text[24];
    int at = 24;
    unsigned long left = value < 0 ? -value : value;
    text[--at] = '\n';
    do text[--at] = '0' + left % 10; while (left /= 10);
    if (value < 0) text[--at] = '-';
    sys(1, 1, (long)text + at, 24 - at);
}
static int probe(void);
__attribute__((force_align_arg_pointer)) void _start(void) { sys(231, probe(), 0, 0); for (;;) ; }
static int probe(void) {
"#
);
