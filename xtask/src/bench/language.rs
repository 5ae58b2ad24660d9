//! `cargo xtask bench --only language`: a compiled profile beside what libseccomp makes of the same rules.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{program, workspace};

/// The program that hands rules to libseccomp as runc does; the tests' own.
const EXPORTER: &str = "profiler-daemon/tests/libseccomp_export/export.c";

/// Runs the example, with libseccomp's filters if it can be had.
pub(super) fn run(example: &Path) -> Result<()> {
    let mut command = Command::new(example);
    if let Some(exporter) = exporter()? {
        command.arg("--libseccomp").arg(exporter);
    }
    program::run(&mut command)
}

/// Builds the program that hands rules to libseccomp; nothing, and a remark, where that cannot be.
pub(super) fn exporter() -> Result<Option<PathBuf>> {
    let exporter = workspace::target()?.join("libseccomp-export");
    let built = program::quietly(
        Command::new("gcc")
            .args(["-O1", "-o"])
            .arg(&exporter)
            .arg(workspace::root()?.join(EXPORTER))
            .arg("-lseccomp"),
    );
    match built {
        Ok(()) => Ok(Some(exporter)),
        Err(error) => {
            eprintln!(
                "without libseccomp's filters, for which `apt-get install gcc libc6-dev libseccomp-dev` is needed: {error:#}"
            );
            Ok(None)
        }
    }
}
