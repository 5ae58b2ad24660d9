//! Puts the programs into the kernel, or finds that they are there already.

use std::{
    borrow::BorrowMut,
    fs,
    path::{Path, PathBuf},
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{Map, MapData},
    programs::{
        Program,
        links::{FdLink, PinnedLink},
    },
};
use sha2::{Digest, Sha256};

use super::{
    arguments::{self, Specs},
    error::KernelError,
    object, offsets,
    pins::{self, Pins},
    programs::{self, PINNED_MAPS, PROGRAMS, ProgramSpec},
    settings::{Hooks, Selection, Settings},
};

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The running programs' maps, and what keeps the programs attached.
pub(super) struct Loaded {
    /// `btf` or `classic`.
    pub(super) hooks: &'static str,
    /// Holds programs and links that are not pinned; dropping it detaches them.
    ebpf: Option<Ebpf>,
    /// The pins, if any.
    pub(super) pins: Option<Pins>,
    /// What does not work here, a sentence each.
    pub(super) shortcomings: Vec<String>,
    /// The maps were pinned by an earlier daemon.
    pub(super) adopted: bool,
}

struct Plan {
    hooks: &'static str,
    object: &'static [u8],
    /// Load-time constants of 4 bytes.
    constants: Vec<(&'static str, u32)>,
    programs: Vec<ProgramSpec>,
    shortcomings: Vec<String>,
}

impl Plan {
    fn decide(settings: &Settings) -> Result<Self, KernelError> {
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
    fn hash(&self, settings: &Settings) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.object);
        hasher.update([
            u8::from(settings.counting),
            u8::from(settings.arguments),
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

impl Loaded {
    /// Loads and attaches, or adopts what an earlier daemon pinned.
    pub(super) fn open(settings: &Settings) -> Result<Self, KernelError> {
        let mut plan = Plan::decide(settings)?;
        let hash = plan.hash(settings);
        let pins = settings
            .pin_dir
            .as_deref()
            .map(|dir| Pins::prepare(dir, &hash))
            .transpose()?;
        if let Some(dir) = &settings.pin_dir {
            for version in pins::other_versions(dir) {
                plan.shortcomings.push(format!(
                    "{}/{version} was pinned by another version and is left alone; `profilerd --unload` removes it",
                    dir.display()
                ));
            }
        }
        let adopted = pins
            .as_ref()
            .is_some_and(|pins| pins.map("RECORDS").exists());
        if let Some(pins) = &pins {
            if adopted {
                check_layout(pins, &plan, settings)?;
                make_room(pins, "COUNTS", settings.counting)?;
                make_room(pins, "ARGUMENT_ROOM", settings.arguments)?;
                make_room(pins, "ARGUMENTS", settings.arguments)?;
            }
            if plan.is_running(pins) {
                let mut running = Self {
                    hooks: plan.hooks,
                    ebpf: None,
                    pins: Some(pins.clone()),
                    shortcomings: plan.shortcomings,
                    adopted: true,
                };
                let mut specs = super::slots::typed(running.map(SPECS)?)?;
                prepare_arguments(&mut specs, settings)?;
                begin_arguments(&mut specs, settings)?;
                return Ok(running);
            }
        }
        let mut ebpf = plan.load(settings, pins.as_ref()).inspect_err(|_| {
            // Whoever may not load programs must not leave pins that others trip over.
            if let (Some(pins), false) = (&pins, adopted) {
                pins.abandon();
            }
        })?;
        if !adopted {
            super::slots::fill(&mut ebpf, settings.max_cgroups)?;
        }
        prepare_arguments(&mut specs_of(&mut ebpf)?, settings)?;
        plan.attach(&mut ebpf, pins.as_ref())?;
        begin_arguments(&mut specs_of(&mut ebpf)?, settings)?;
        Ok(Self {
            hooks: plan.hooks,
            ebpf: Some(ebpf),
            pins,
            shortcomings: plan.shortcomings,
            adopted,
        })
    }

    /// A map by name; pinned maps can be taken any number of times.
    pub(super) fn map(&mut self, name: &str) -> Result<Map, KernelError> {
        if let Some(pins) = &self.pins {
            let path = pins.map(name);
            let data = MapData::from_pin(&path).map_err(|error| {
                KernelError::refused(format!("open {}", path.display()), &error)
            })?;
            return Map::from_map_data(data)
                .map_err(|error| KernelError::refused(format!("use {}", path.display()), &error));
        }
        self.ebpf
            .as_mut()
            .and_then(|ebpf| ebpf.take_map(name))
            .ok_or_else(|| KernelError::Refused {
                action: format!("take the map {name}"),
                reason: "the object has none".into(),
            })
    }
}

/// The map of what is recorded of arguments, which is there though they are not.
const SPECS: &str = "ARGUMENT_SPECS";

fn specs_of(ebpf: &mut Ebpf) -> Result<Specs<&mut MapData>, KernelError> {
    let missing = || KernelError::Refused {
        action: format!("take the map {SPECS}"),
        reason: "the object has none".into(),
    };
    let map = ebpf.map_mut(SPECS).ok_or_else(missing)?;
    Specs::try_from(map).map_err(|error| KernelError::refused(format!("use {SPECS}"), &error))
}

fn prepare_arguments<T: BorrowMut<MapData>>(
    specs: &mut Specs<T>,
    settings: &Settings,
) -> Result<(), KernelError> {
    arguments::prepare(specs, settings.arguments)
        .map_err(|error| KernelError::refused("say which arguments are recorded", &error))
}

fn begin_arguments<T: BorrowMut<MapData>>(
    specs: &mut Specs<T>,
    settings: &Settings,
) -> Result<(), KernelError> {
    if !settings.arguments {
        return Ok(());
    }
    arguments::begin(specs)
        .map_err(|error| KernelError::refused("begin to record arguments", &error))
}

/// Pinned maps are used only if they are what this build would have made.
fn check_layout(pins: &Pins, plan: &Plan, settings: &Settings) -> Result<(), KernelError> {
    use profiler_common::{filter::Filter, record::CgroupRecord, refusal::Refusal};
    let expected = [
        ("RECORDS", size_of::<CgroupRecord>(), settings.max_cgroups),
        ("SLOTS", 4, settings.max_cgroups),
        ("FREE_SLOTS", 4, settings.max_cgroups),
        ("REFUSALS", size_of::<Refusal>(), 0),
        ("FILTERS", size_of::<Filter>(), 0),
    ];
    for (name, value_size, entries) in expected {
        let path = pins.map(name);
        let foreign = |what: String| KernelError::ForeignPin {
            path: path.clone(),
            what,
        };
        let info = MapData::from_pin(&path)
            .and_then(|map| map.info())
            .map_err(|error| foreign(super::error::chain(&error)))?;
        let size = info.value_size() as usize;
        if size != value_size {
            return Err(foreign(format!("values of {size} bytes, not {value_size}")));
        }
        if entries != 0 && info.max_entries() != entries {
            return Err(foreign(format!(
                "room for {} cgroups, not {entries}",
                info.max_entries()
            )));
        }
    }
    let tasks = MapData::from_pin(pins.map("TASKS"))
        .and_then(|map| map.info())
        .map_err(|error| KernelError::ForeignPin {
            path: pins.map("TASKS"),
            what: super::error::chain(&error),
        })?;
    let classic = tasks
        .map_type()
        .is_ok_and(|kind| kind == aya::maps::MapType::Hash);
    if classic != (plan.hooks == "classic") {
        return Err(KernelError::ForeignPin {
            path: pins.map("TASKS"),
            what: "made for the other kind of hooks".into(),
        });
    }
    Ok(())
}

/// A table that is not used has room for one. A daemon that uses it makes a new one, and loses
/// nothing by it: nobody wrote to the old one.
fn make_room(pins: &Pins, map: &str, used: bool) -> Result<(), KernelError> {
    let path = pins.map(map);
    if !used || !path.exists() {
        return Ok(());
    }
    let refused = |error: &dyn std::error::Error| {
        KernelError::refused(format!("make room in the table {map}"), error)
    };
    let info = MapData::from_pin(&path)
        .and_then(|map| map.info())
        .map_err(|error| refused(&error))?;
    if info.max_entries() <= 1 {
        fs::remove_file(&path).map_err(|error| refused(&error))?;
    }
    Ok(())
}

impl Plan {
    /// All programs of exactly this run are attached.
    fn is_running(&self, pins: &Pins) -> bool {
        self.programs
            .iter()
            .all(|program| pins.link(program.name).exists() || program.optional.is_some())
            && pins.run().is_dir()
    }

    fn load(&self, settings: &Settings, pins: Option<&Pins>) -> Result<Ebpf, KernelError> {
        let counting = u8::from(settings.counting);
        let arguments = u8::from(settings.arguments);
        let only_cgroup = settings.only_cgroup.unwrap_or(0);
        let cpus = aya::util::nr_cpus().map_err(|(path, error)| KernelError::Refused {
            action: format!("count the CPUs from {path}"),
            reason: error.to_string(),
        })?;
        let mut loader = EbpfLoader::new();
        loader
            .allow_unsupported_maps()
            .override_global("COUNTING", &counting, true)
            .override_global("RECORD_ARGUMENTS", &arguments, true)
            .override_global("ONLY_CGROUP", &only_cgroup, true)
            .map_max_entries("RECORDS", settings.max_cgroups)
            .map_max_entries("SLOTS", settings.max_cgroups)
            .map_max_entries("FREE_SLOTS", settings.max_cgroups)
            .map_max_entries("NEWS", settings.ring_bytes)
            .map_max_entries("FILTER_SCRATCH", cpus as u32);
        if !settings.counting {
            loader.map_max_entries("COUNTS", 1);
        }
        if !settings.arguments {
            loader
                .map_max_entries("ARGUMENT_ROOM", 1)
                .map_max_entries("ARGUMENTS", 1);
        }
        for (name, value) in &self.constants {
            loader.override_global(name, value, true);
        }
        if let Some(pins) = pins {
            for name in PINNED_MAPS {
                loader.map_pin_path(name, pins.map(name));
            }
        }
        loader
            .load(self.object)
            .map_err(|error| KernelError::refused("make the kernel maps", &error))
    }

    /// Attaches in order. Programs of another run are replaced one by one: no call is unrecorded,
    /// and at no time do two of them judge the same call's return.
    fn attach(&mut self, ebpf: &mut Ebpf, pins: Option<&Pins>) -> Result<(), KernelError> {
        let btf = if self.hooks == "btf" {
            Some(Btf::from_sys_fs().map_err(|error| KernelError::refused("read BTF", &error))?)
        } else {
            None
        };
        if let Some(pins) = pins {
            // What a daemon that died while it attached has left is not whole.
            let _ = fs::remove_dir_all(pins.run());
            pins.make_run().map_err(|error| KernelError::PinDirectory {
                path: pins.run().to_owned(),
                reason: error.to_string(),
            })?;
        }
        let others = pins.map(Pins::other_runs).unwrap_or_default();
        for spec in &self.programs {
            let program = ebpf
                .program_mut(spec.name)
                .ok_or_else(|| KernelError::Refused {
                    action: format!("find the program {}", spec.name),
                    reason: "the object has none".into(),
                });
            // Two programs that judge returns would each take the other's for a refusal: the
            // earlier one goes first, and a refusal in between stays unseen.
            let first_out: &[PathBuf] = if spec.judges_returns { &others } else { &[] };
            let attached =
                program.and_then(|program| attach(program, spec, btf.as_ref(), pins, first_out));
            match (attached, spec.optional) {
                (Ok(()), _) => {}
                (Err(error), None) => return Err(error),
                (Err(error), Some(meaning)) => {
                    tracing::debug!(program = spec.name, %error, "optional program not attached");

                    self.shortcomings
                        .push(format!("{meaning} (no {} here)", spec.hook));
                }
            }
            for run in &others {
                let _ = fs::remove_file(run.join(format!("{}_link", spec.name)));
            }
        }
        for run in others {
            if let Err(error) = fs::remove_dir_all(&run) {
                tracing::warn!(path = %run.display(), %error, "cannot remove an earlier run's pins");
            }
        }
        Ok(())
    }
}

fn attach(
    program: &mut Program,
    spec: &ProgramSpec,
    btf: Option<&Btf>,
    pins: Option<&Pins>,
    first_out: &[PathBuf],
) -> Result<(), KernelError> {
    let loading = format!("load the program {}", spec.name);
    let attaching = format!("attach the program {}", spec.name);
    let refused = |error: &dyn std::error::Error| KernelError::refused(&attaching, error);
    match (&mut *program, btf) {
        (Program::BtfTracePoint(program), Some(btf)) => program.load(spec.hook, btf),
        (Program::TracePoint(program), None) => program.load(),
        _ => return Err(other_type(loading)),
    }
    .map_err(|error| KernelError::refused(&loading, &error))?;
    if let Some(pins) = pins {
        program
            .pin(pins.program(spec.name))
            .map_err(|error| refused(&error))?;
    }
    super::detach::detach(first_out, spec.name);
    let link: FdLink = match program {
        Program::BtfTracePoint(program) => {
            let id = program.attach().map_err(|error| refused(&error))?;
            if pins.is_none() {
                return Ok(());
            }
            let link = program.take_link(id).map_err(|error| refused(&error))?;
            link.into()
        }
        Program::TracePoint(program) => {
            let id = program
                .attach(spec.category, spec.hook)
                .map_err(|error| refused(&error))?;
            if pins.is_none() {
                return Ok(());
            }
            let link = program.take_link(id).map_err(|error| refused(&error))?;
            link.try_into().map_err(|error| refused(&error))?
        }
        _ => return Err(other_type(attaching)),
    };
    if let Some(pins) = pins {
        let _pinned: PinnedLink = link
            .pin(pins.link(spec.name))
            .map_err(|error| refused(&error))?;
    }
    Ok(())
}

fn other_type(action: String) -> KernelError {
    KernelError::Refused {
        action,
        reason: "it is of another type than this kernel needs".into(),
    }
}
