//! `cargo xtask doctor`: what this machine has of what the profiler and its tests need, and how to get the rest.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::program;

/// Free space that the images, the engine and the builds take.
const GIGABYTES: u64 = 8;

/// Who needs a thing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The daemon does not run without it.
    Daemon,
    /// The daemon runs, but with less.
    Good,
    /// Only `cargo xtask test`, which installs it as root.
    Tests,
}

/// One finding.
pub(crate) struct Check {
    pub(crate) need: Need,
    pub(crate) name: &'static str,
    /// What was found, or what is missing and how to get it.
    pub(crate) found: Result<String, String>,
}

/// Prints every finding; fails when something is missing.
pub(crate) fn run() -> Result<()> {
    let checks = all();
    for check in &checks {
        match &check.found {
            Ok(what) => println!("ok       {:<12} {what}", check.name),
            Err(what) => println!("{}  {:<12} {what}", label(check.need), check.name),
        }
    }
    let missing = checks.iter().filter(|check| check.found.is_err()).count();
    if missing > 0 {
        bail!(
            "{missing} of {} checks found something missing, see above",
            checks.len()
        );
    }
    Ok(())
}

/// What the daemon can't do without and this machine lacks, a line each.
pub(crate) fn obstacles() -> Vec<String> {
    all()
        .into_iter()
        .filter(|check| check.need == Need::Daemon)
        .filter_map(|check| {
            check
                .found
                .err()
                .map(|what| format!("{}: {what}", check.name))
        })
        .collect()
}

fn label(need: Need) -> &'static str {
    match need {
        Need::Daemon => "MISSING",
        Need::Good => "weak   ",
        Need::Tests => "tests  ",
    }
}

fn all() -> Vec<Check> {
    let mut checks = vec![
        Check {
            need: Need::Daemon,
            name: "root",
            found: root(),
        },
        Check {
            need: Need::Daemon,
            name: "kernel",
            found: kernel(),
        },
        Check {
            need: Need::Good,
            name: "BTF",
            found: btf(),
        },
        Check {
            need: Need::Daemon,
            name: "bpffs",
            found: bpffs(),
        },
        Check {
            need: Need::Daemon,
            name: "cgroup v2",
            found: cgroup(),
        },
        Check {
            need: Need::Good,
            name: "tracefs",
            found: tracefs(),
        },
        Check {
            need: Need::Good,
            name: "lockdown",
            found: lockdown(),
        },
        Check {
            need: Need::Good,
            name: "Docker",
            found: docker(),
        },
        Check {
            need: Need::Tests,
            name: "disk",
            found: disk(),
        },
    ];
    for (name, package) in [
        ("dockerd", "docker.io"),
        ("runc", "runc"),
        ("crun", "crun"),
        ("debootstrap", "debootstrap"),
        ("strace", "strace"),
        ("patchelf", "patchelf"),
        ("gcc", "gcc"),
        ("lxc-execute", "lxc"),
    ] {
        checks.push(Check {
            need: Need::Tests,
            name,
            found: tool(name, package),
        });
    }
    checks
}

fn root() -> Result<String, String> {
    if rustix::process::geteuid().is_root() {
        Ok("yes".to_owned())
    } else {
        Err("loading kernel programs needs root: run with sudo -E".to_owned())
    }
}

fn kernel() -> Result<String, String> {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    // The atomic instructions that sets are OR-ed with came with 5.12, task storage with 5.11.
    if version >= (5, 12) {
        Ok(release)
    } else {
        Err(format!(
            "{release} lacks what the kernel programs need: use Linux 5.12 or newer"
        ))
    }
}

fn btf() -> Result<String, String> {
    exists("/sys/kernel/btf/vmlinux", || {
        "no /sys/kernel/btf/vmlinux, so the slower classic tracepoints are used: \
         a kernel built with CONFIG_DEBUG_INFO_BTF has it"
            .to_owned()
    })
}

fn bpffs() -> Result<String, String> {
    if let Some(point) = mounted("bpf") {
        return Ok(point);
    }
    // The daemon mounts it itself, as root, where the kernel offers the place.
    exists("/sys/fs/bpf", || {
        "no /sys/fs/bpf: the kernel needs CONFIG_BPF_SYSCALL".to_owned()
    })
    .map(|place| format!("{place}, not mounted; mount -t bpf bpf {place} does it"))
}

fn cgroup() -> Result<String, String> {
    let Some(point) = mounted("cgroup2") else {
        return Err(
            "no cgroup v2 tree is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
                .to_owned(),
        );
    };
    let layout = if mounted("cgroup").is_some() {
        "hybrid, with version 1 beside it"
    } else {
        "alone"
    };
    Ok(format!("{point} ({layout})"))
}

fn tracefs() -> Result<String, String> {
    mounted("tracefs").ok_or_else(|| {
        "not mounted, and the classic tracepoints need it: mount -t tracefs tracefs /sys/kernel/tracing".to_owned()
    })
}

fn lockdown() -> Result<String, String> {
    let Ok(modes) = std::fs::read_to_string("/sys/kernel/security/lockdown") else {
        return Ok("not told (no securityfs); the programs work under every mode".to_owned());
    };
    let mode = modes
        .split(['[', ']'])
        .nth(1)
        .unwrap_or("unknown")
        .to_owned();
    Ok(format!("{mode}; the programs work under every mode"))
}

fn docker() -> Result<String, String> {
    let cli = program::found("docker")
        .ok_or("no docker, so containers have no names: apt-get install docker.io; the tests start an engine of their own")?;
    let format = "{{.ServerVersion}}, runtimes{{range $name, $_ := .Runtimes}} {{$name}}{{end}}";
    program::output(Command::new(cli).args(["info", "--format", format]))
        .map(|said| said.trim().to_owned())
        .map_err(|_| {
            "the engine does not answer on its default socket: start it (systemctl start docker) or set DOCKER_HOST; \
             the demo and the tests start one of their own"
                .to_owned()
        })
}

fn disk() -> Result<String, String> {
    let place = crate::workspace::target().map_err(|error| error.to_string())?;
    let place = place
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let room =
        rustix::fs::statvfs(place).map_err(|error| format!("{}: {error}", place.display()))?;
    let gigabytes = room.f_bavail * room.f_frsize / 1_000_000_000;
    let said = format!("{gigabytes} GB free at {}", place.display());
    if gigabytes >= GIGABYTES {
        Ok(said)
    } else {
        Err(format!(
            "{said}, {GIGABYTES} are needed; set CARGO_TARGET_DIR to a larger disk"
        ))
    }
}

fn tool(name: &str, package: &str) -> Result<String, String> {
    program::found(name)
        .map(|file| file.display().to_string())
        .ok_or_else(|| format!("apt-get install {package} (cargo xtask test does it as root)"))
}

fn exists(path: &str, missing: impl FnOnce() -> String) -> Result<String, String> {
    if Path::new(path).exists() {
        Ok(path.to_owned())
    } else {
        Err(missing())
    }
}

/// Where a file system of that type is mounted first.
fn mounted(kind: &str) -> Option<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    table.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?;
        (after.split(' ').next() == Some(kind)).then(|| point.to_owned())
    })
}
