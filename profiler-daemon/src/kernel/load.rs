//! Puts the programs into the kernel, or finds that they are there already.

use std::{borrow::BorrowMut, path::Path};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapData, RingBuf},
};

use super::{
    arguments::{self, Specs},
    attach,
    detach::detach_all,
    error::KernelError,
    layout,
    pins::{self, Pins},
    plan::Plan,
    predecessor::Predecessor,
    programs::PINNED_MAPS,
    settings::Settings,
    slots,
};
use crate::claim::Claim;

/// The running programs' maps, and what keeps the programs attached.
pub(super) struct Loaded {
    /// `btf` or `classic`.
    pub(super) hooks: &'static str,
    /// Holds programs and links that are not pinned; dropping it detaches them.
    ebpf: Option<Ebpf>,
    /// The pins, if any.
    pub(super) pins: Option<Pins>,
    /// They are ours as long as this lives.
    _claim: Option<Claim>,
    /// What does not work here, a sentence each.
    pub(super) shortcomings: Vec<String>,
    /// What an earlier daemon recorded goes on.
    pub(super) adopted: bool,
    /// News of an earlier layout version's programs, which nobody has read.
    pub(super) unread: Option<RingBuf<MapData>>,
}

impl Loaded {
    /// Loads and attaches, or adopts what an earlier daemon pinned.
    pub(super) fn open(settings: &Settings) -> Result<Self, KernelError> {
        let mut plan = Plan::decide(settings)?;
        let hash = plan.hash(settings);
        // Before anything of it is read: what another daemon has pinned and works on is not adopted.
        let claim = settings.pin_dir.as_deref().map(pins::claim).transpose()?;
        let pins = settings
            .pin_dir
            .as_deref()
            .map(|dir| Pins::prepare(dir, &hash))
            .transpose()?;
        let adopted = pins
            .as_ref()
            .is_some_and(|pins| pins.map("RECORDS").exists());
        let predecessor = predecessor(settings, &mut plan.shortcomings);
        if let Some(pins) = &pins {
            if adopted {
                layout::check(pins, &plan, settings)?;
                layout::make_room(pins, "COUNTS", settings.counting)?;
                layout::make_room(pins, "ARGUMENT_ROOM", settings.records_arguments())?;
                layout::make_room(pins, "ARGUMENTS", settings.records_arguments())?;
                mend(pins)?;
            }
            if plan.is_running(pins) {
                // A daemon that died once these were attached has left them.
                let left = pins.other_runs();
                detach_all(&left);
                attach::forget(&left);
                let mut running = Self {
                    hooks: plan.hooks,
                    ebpf: None,
                    pins: Some(pins.clone()),
                    _claim: claim,
                    shortcomings: plan.shortcomings,
                    adopted: true,
                    unread: None,
                };
                let mut specs = slots::typed(running.map(SPECS)?)?;
                prepare_arguments(&mut specs, settings)?;
                begin_arguments(&mut specs, settings)?;
                running.succeed(predecessor, settings)?;
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
            slots::fill(&mut ebpf, settings.max_cgroups)?;
        }
        prepare_arguments(&mut specs_of(&mut ebpf)?, settings)?;
        if let (Some(predecessor), Some(pins)) = (&predecessor, &pins) {
            predecessor.keep_beginning(pins);
            predecessor.hand_over(pins, settings, false)?;
        }
        plan.attach(&mut ebpf, pins.as_ref())?;
        begin_arguments(&mut specs_of(&mut ebpf)?, settings)?;
        let mut loaded = Self {
            hooks: plan.hooks,
            ebpf: Some(ebpf),
            pins,
            _claim: claim,
            shortcomings: plan.shortcomings,
            adopted,
            unread: None,
        };
        loaded.succeed(predecessor, settings)?;
        Ok(loaded)
    }

    /// Our programs are attached: those of other layout versions go. What the one before has recorded
    /// until then is taken over, that of any other is lost.
    fn succeed(
        &mut self,
        predecessor: Option<Predecessor>,
        settings: &Settings,
    ) -> Result<(), KernelError> {
        if let (Some(predecessor), Some(pins)) = (predecessor, &self.pins) {
            predecessor.detach();
            let left_out = predecessor.hand_over(pins, settings, true)?;
            self.adopted = true;
            self.unread = predecessor.news();
            let path = predecessor.path().to_owned();
            let path = path.display();
            if left_out > 0 {
                self.shortcomings.push(format!(
                    "{left_out} entries of {path}, which another version recorded, found no room here and are lost"
                ));
            }
            match predecessor.remove() {
                Ok(()) => {
                    tracing::info!(%path, "took over what another version of profilerd had recorded");
                }
                // The next daemon takes it over once more, to the same effect.
                Err(error) => self.shortcomings.push(format!(
                    "{path} is taken over and cannot be removed ({error}): remove it"
                )),
            }
        }
        self.retire_other_versions(settings);
        Ok(())
    }

    /// Programs of any other layout version record into maps that this build does not read. They go
    /// once ours are attached, so that no call is unrecorded in between; what they recorded and no
    /// daemon has kept goes with them, and that is said.
    fn retire_other_versions(&mut self, settings: &Settings) {
        let Some(dir) = &settings.pin_dir else {
            return;
        };
        for version in pins::other_versions(dir) {
            let path = version.display();
            match retire(&version) {
                Ok(()) => {
                    tracing::warn!(%path, "removed the programs and maps of another version of profilerd");
                    self.shortcomings.push(format!(
                        "{path} was another version's and has been replaced: what it had recorded of containers that still ran is lost; restart them to record them whole"
                    ));
                }
                Err(error) => {
                    tracing::error!(%path, %error, "another version's programs cannot be removed");
                    self.shortcomings.push(format!(
                        "{path} is another version's and cannot be removed ({error}), so that its programs still run beside these; stop profilerd, run `profilerd --unload` and start it again"
                    ));
                }
            }
        }
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

/// The layout version before, if its pins are there; what hinders to take them over is told.
fn predecessor(settings: &Settings, shortcomings: &mut Vec<String>) -> Option<Predecessor> {
    let found = Predecessor::find(settings.pin_dir.as_deref()?);
    found.unwrap_or_else(|what| {
        tracing::error!("{what}");
        shortcomings.push(what);
        None
    })
}

/// Gives back records that an earlier daemon was killed over.
fn mend(pins: &Pins) -> Result<(), KernelError> {
    let mended = slots::mend_pinned(pins)
        .map_err(|error| KernelError::refused("mend the list of free records", &error))?;
    if mended > 0 {
        tracing::info!(mended, "gave back records that an earlier daemon had left");
    }
    Ok(())
}

/// Detaches the programs of another layout version, and removes its pins.
fn retire(version: &Path) -> std::io::Result<()> {
    detach_all(&pins::runs_in(version));
    std::fs::remove_dir_all(version)
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
    arguments::prepare(specs, &settings.arguments)
        .map_err(|error| KernelError::refused("say which arguments are recorded", &error))
}

fn begin_arguments<T: BorrowMut<MapData>>(
    specs: &mut Specs<T>,
    settings: &Settings,
) -> Result<(), KernelError> {
    if !settings.records_arguments() {
        return Ok(());
    }
    arguments::begin(specs)
        .map_err(|error| KernelError::refused("begin to record arguments", &error))
}

impl Plan {
    /// Makes the maps, or takes the pinned ones.
    pub(super) fn load(
        &self,
        settings: &Settings,
        pins: Option<&Pins>,
    ) -> Result<Ebpf, KernelError> {
        let counting = u8::from(settings.counting);
        let arguments = u8::from(settings.records_arguments());
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
        if !settings.records_arguments() {
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
}
