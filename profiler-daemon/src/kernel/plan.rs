//! Which programs this kernel can run, and with which load-time constants.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};

use super::{
    error::KernelError,
    object, offsets,
    pins::Pins,
    programs::{self, PROGRAMS, ProgramSpec},
    settings::{Hooks, Selection, Settings},
};

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// What is to be loaded.
pub(super) struct Plan {
    /// `btf` or `classic`.
    pub(super) hooks: &'static str,
    /// The object that holds the programs.
    pub(super) object: &'static [u8],
    /// Load-time constants of 4 bytes.
    pub(super) constants: Vec<(&'static str, u32)>,
    /// The programs, in the order in which they are attached.
    pub(super) programs: Vec<ProgramSpec>,
    /// What does not work here, a sentence each.
    pub(super) shortcomings: Vec<String>,
}

impl Plan {
    /// What this kernel and the settings ask for.
    pub(super) fn decide(settings: &Settings) -> Result<Self, KernelError> {
        let host_mntns = fs::metadata("/proc/1/ns/mnt")
            .or_else(|_| fs::metadata("/proc/self/ns/mnt"))
            .map(|meta| std::os::unix::fs::MetadataExt::ino(&meta) as u32)
            .unwrap_or(0);
        let btf = Self::btf(host_mntns);
        let mut plan = match (settings.hooks, btf) {
            (Hooks::Auto | Hooks::Btf, Ok(plan)) => plan,
            (Hooks::Btf, Err(error)) => return Err(error),
            (Hooks::Classic, _) => {
                Self::classic(host_mntns, "--hooks classic asks for them".into())?
            }
            // What the error advises is being done already.
            (Hooks::Auto, Err(KernelError::NoBtf { path, reason })) => Self::classic(
                host_mntns,
                format!("{} cannot be read ({reason})", path.display()),
            )?,
            (Hooks::Auto, Err(KernelError::Btf { path, source })) => {
                Self::classic(host_mntns, format!("{}: {source}", path.display()))?
            }
            (Hooks::Auto, Err(error)) => Self::classic(host_mntns, error.to_string())?,
        };
        if settings.programs == Selection::EnterOnly {
            plan.programs.retain(|program| program.name != "sys_exit");
            plan.shortcomings
                .push("the return of calls is not watched: refused calls are not seen".into());
        }
        Ok(plan)
    }

    fn btf(host_mntns: u32) -> Result<Self, KernelError> {
        let vmlinux = fs::read(VMLINUX).map_err(|error| KernelError::NoBtf {
            path: VMLINUX.into(),
            reason: error.to_string(),
        })?;
        let mut constants = offsets::find(&vmlinux).map_err(|source| KernelError::Btf {
            path: VMLINUX.into(),
            source,
        })?;
        constants.push(("HOST_MNTNS", host_mntns));
        Ok(Self {
            hooks: "btf",
            object: object::BTF,
            constants,
            programs: PROGRAMS.to_vec(),
            shortcomings: Vec::new(),
        })
    }

    fn classic(host_mntns: u32, why: String) -> Result<Self, KernelError> {
        let tracefs = [
            "/sys/kernel/tracing/events",
            "/sys/kernel/debug/tracing/events",
        ]
        .into_iter()
        .find(|path| Path::new(path).is_dir())
        .ok_or_else(|| KernelError::NoHooks {
            btf: format!("only classic tracepoints can be used, because {why}"),
        })?;
        let child_pid = classic_offset(tracefs, "sched/sched_process_fork", "child_pid")
            .filter(|offset| [20, 44].contains(offset))
            .ok_or_else(|| KernelError::Refused {
                action: "use classic tracepoints".into(),
                reason: format!(
                    "{tracefs}/sched/sched_process_fork/format is of an unknown layout"
                ),
            })?;
        let mut shortcomings = vec![
            format!("classic tracepoints are in use, because {why}"),
            "calls that a filter answers with a signal are not named".into(),
        ];
        let status = super::classic::status_offset();
        if status.is_none() {
            shortcomings.push(
                "32-bit calls cannot be told from 64-bit ones: lockdown forbids reading kernel memory".into(),
            );
        }
        Ok(Self {
            hooks: "classic",
            object: object::CLASSIC,
            constants: vec![
                ("OFF_STATUS", status.unwrap_or(0)),
                ("HOST_MNTNS", host_mntns),
            ],
            programs: programs::classic(child_pid == 20),
            shortcomings,
        })
    }

    /// Names this object with these settings.
    pub(super) fn hash(&self, settings: &Settings) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.object);
        hasher.update([
            u8::from(settings.counting),
            u8::from(settings.records_arguments()),
            settings.programs as u8,
        ]);
        hasher.update(settings.max_cgroups.to_le_bytes());
        hasher.update(settings.ring_bytes.to_le_bytes());
        for (name, value) in &self.constants {
            hasher.update(name);
            hasher.update(value.to_le_bytes());
        }
        hasher
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// All programs of exactly this run are attached.
    pub(super) fn is_running(&self, pins: &Pins) -> bool {
        self.programs
            .iter()
            .all(|program| pins.link(program.name).exists() || program.optional.is_some())
            && pins.run().is_dir()
    }
}

/// The offset of a field in a classic tracepoint's record, from its format file.
fn classic_offset(tracefs: &str, event: &str, field: &str) -> Option<u32> {
    let format = fs::read_to_string(format!("{tracefs}/{event}/format")).ok()?;
    let line = format
        .lines()
        .find(|line| line.contains(&format!(" {field};")))?;
    let (_, rest) = line.split_once("offset:")?;
    rest.split(';').next()?.trim().parse().ok()
}
