//! Attaching a plan's programs, each in place of its predecessor.

use std::{fs, path::PathBuf};

use aya::{
    Btf, Ebpf,
    programs::{
        Program,
        links::{FdLink, PinnedLink},
    },
};

use super::{error::KernelError, pins::Pins, plan::Plan, programs::ProgramSpec};

impl Plan {
    /// Attaches in order. Programs of another run are replaced one by one: no call is unrecorded,
    /// and at no time do two of them judge the same call's return.
    pub(super) fn attach(
        &mut self,
        ebpf: &mut Ebpf,
        pins: Option<&Pins>,
    ) -> Result<(), KernelError> {
        let btf = if self.hooks == "btf" {
            Some(Btf::from_sys_fs().map_err(|error| KernelError::refused("read BTF", &error))?)
        } else {
            None
        };
        if let Some(pins) = pins {
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
        forget(&others);
        Ok(())
    }
}

/// Removes the pins of earlier runs, whose programs are detached.
pub(super) fn forget(runs: &[PathBuf]) {
    for run in runs {
        if let Err(error) = fs::remove_dir_all(run) {
            tracing::warn!(path = %run.display(), %error, "cannot remove an earlier run's pins");
        }
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
