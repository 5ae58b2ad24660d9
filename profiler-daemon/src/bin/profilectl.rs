//! `profilectl`: parse, call, exit.

use std::process::ExitCode;

use clap::Parser;
use profiler_daemon::ctl::{self, args::Cli};

fn main() -> ExitCode {
    ctl::run(Cli::parse()).into()
}
