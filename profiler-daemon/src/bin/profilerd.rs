//! `profilerd`: parse, run, exit.

use std::process::ExitCode;

use clap::Parser;
use profiler_daemon::{config::Flags, daemon};

fn main() -> ExitCode {
    daemon::run(Flags::parse())
}
