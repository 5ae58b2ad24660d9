//! The development commands, `cargo xtask …`: reads the command line and hands over.

mod bench;
mod bpf;
mod debian;
mod demo;
mod doctor;
mod fuzz;
mod program;
mod silence;
mod suite;
mod testbed;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Builds, tests and shows the profiler",
    version
)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build the kernel programs, or prove that the committed ones are fresh.
    Bpf {
        #[command(subcommand)]
        verb: bpf::Verb,
    },
    /// Measure what the recording costs; needs root.
    Bench(bench::Options),
    /// Say what this machine lacks, and how to get it.
    Doctor,
    /// Show the product: record a real container, and run it again under its own profile.
    Demo,
    /// Run the fuzz targets for a while; installs a C++ compiler when root.
    Fuzz(fuzz::Options),
    /// Run every test, those on real containers included; installs what is missing when root.
    Test(suite::Options),
    /// A private Docker engine with three runtimes and images, for tests.
    Testbed {
        #[command(subcommand)]
        verb: testbed::Verb,
    },
}

fn main() -> ExitCode {
    let done = if bpf::rustc::is_called() {
        bpf::rustc::become_rustc()
    } else {
        run(Line::parse().verb)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, and never a backtrace: it is for whoever runs the command.
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Bpf { verb } => bpf::run(&verb),
        Verb::Bench(options) => bench::run(&options),
        Verb::Doctor => doctor::run(),
        Verb::Demo => demo::run(),
        Verb::Fuzz(options) => fuzz::run(&options),
        Verb::Test(options) => suite::run(&options),
        Verb::Testbed { verb } => testbed::run(&verb),
    }
}
