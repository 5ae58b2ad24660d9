//! `profilectl record`: a command in a cgroup of its own, and its profile.
//!
//! This build has no recorder.

use super::{
    args::{Color, RecordArgs},
    exit::ExitStatus,
    terminal::Terminal,
};

/// Runs the command and writes its profile.
#[must_use]
pub fn run(args: RecordArgs) -> ExitStatus {
    let what = args.command.join(std::ffi::OsStr::new(" "));
    Terminal::new(Color::Auto).complain(&format!(
        "cannot record `{}`: `record` is not built into this profilectl",
        what.to_string_lossy()
    ));
    ExitStatus::Executor
}
