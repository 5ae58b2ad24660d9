//! `cargo xtask bench --only run`: what it costs to start a command under a profile, and what a call costs
//! under its filter beside libseccomp's.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::language;
use crate::program;

/// Runs the example on a built profilectl, with libseccomp's filters if they can be had.
pub(super) fn run(example: &Path, profilectl: &Path) -> Result<()> {
    let mut command = Command::new(example);
    command.arg("--profilectl").arg(profilectl);
    if let Some(exporter) = language::exporter()? {
        command.arg("--libseccomp").arg(exporter);
    }
    program::run(&mut command)
}
