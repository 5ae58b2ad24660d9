//! The command line of `profilectl`: what can be said, and how `--help` tells of it.
//!
//! Types only; what a verb does is in its own file.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::apply::args::ApplyArgs;
use super::format::Format;
use super::profile_args::{
    AuditArgs, CheckArgs, CompileArgs, ConvertArgs, DiffArgs, EditArgs, EvalArgs, MergeArgs,
    WrittenDialect,
};
use super::run::args::RunArgs;
use super::verify::args::VerifyArgs;
use crate::profile::origin::{Callers, Phases};

/// Where `--help` lists what every verb takes.
const GLOBAL: &str = "Global options";

/// Asks profilerd what containers call, and writes seccomp profiles from it.
#[derive(Debug, Parser)]
#[command(
    name = "profilectl",
    version,
    max_term_width = 80,
    after_help = "Exit status: 0 done, 1 something found, 2 bad usage or input, 3 profilerd cannot be reached, 4 no such container or image, 5 not complete, 125 to 127 `record` or `run` itself failed."
)]
pub struct Cli {
    /// The daemon's socket
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        display_order = 100,
        value_name = "PATH",
        env = "PROFILER_SOCKET",
        hide_env_values = true,
        default_value = "/run/profiler/profilerd.sock"
    )]
    pub socket: PathBuf,
    /// Colour: auto is on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        display_order = 101,
        value_name = "WHEN",
        value_enum,
        default_value = "auto"
    )]
    pub color: Color,
    /// Tell on standard error what is asked of the daemon; twice for more
    #[arg(short, long, global = true, help_heading = GLOBAL, display_order = 102, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the containers that were recorded
    List(ListArgs),
    /// Show what is known of a container
    Show(ShowArgs),
    /// Explain why a container's profile has a system call, or has it not
    Explain(ExplainArgs),
    /// Write the seccomp profile of a container or an image
    Export(ExportArgs),
    /// Print news as they happen, until Ctrl-C
    Watch(WatchArgs),
    /// Say how the daemon is; exit status 1 when something is wrong
    Status(StatusArgs),
    /// Run a command in a cgroup of its own and write its profile
    Record(RecordArgs),
    /// Run a command under a profile, and say what was refused
    Run(Box<RunArgs>),
    /// Start an image under a profile, several times, and say how it went
    Verify(Box<VerifyArgs>),
    /// Move a running container to its profile, or leave it as it was
    Apply(Box<ApplyArgs>),
    /// Compare what a container may do with what it does
    Audit(AuditArgs),
    /// Find what is wrong with a profile
    Check(CheckArgs),
    /// Say what a profile answers to a system call
    Eval(EvalArgs),
    /// Write the filter that a profile means, as the kernel takes it
    Compile(CompileArgs),
    /// Write a profile of one dialect in another
    Convert(ConvertArgs),
    /// Allow or refuse calls in a profile
    Edit(EditArgs),
    /// Say how two profiles differ, by what they do
    Diff(DiffArgs),
    /// Write one profile that lets through what any of several does
    Merge(MergeArgs),
    /// Bring records from one host to another
    #[command(subcommand)]
    Observations(ObservationsVerb),
    /// List the versions of a container's or an image's profile
    History(HistoryArgs),
    /// Mark a version of a profile as the one that counts
    Promote(PromoteArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// `list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Leave out containers that have ended
    #[arg(long)]
    pub running: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A container's name, id or id prefix
    pub container: String,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A container's name, id or id prefix, or image:REF for all containers of an image that run its
    /// own entrypoint; image:REF#ENTRYPOINT for those that run another
    #[arg(value_name = "CONTAINER|image:REF")]
    pub container: String,
    /// A system call's name or number; all calls, a line each, without it
    pub syscall: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A container's name, id or id prefix, or image:REF for all containers of an image that run its
    /// own entrypoint; image:REF#ENTRYPOINT for those that run another; with @N, its version N
    #[arg(value_name = "CONTAINER|image:REF")]
    pub target: String,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The dialect
    #[arg(long, value_enum, default_value = "docker")]
    pub format: WrittenDialect,
    /// Allow the calls that were refused so far, too
    #[arg(long)]
    pub include_refused: bool,
    /// Allow calls only with the values that their arguments had, where all were recorded
    #[arg(long)]
    pub args: bool,
    /// Only calls by these: own (what the container was started for), exec, health; any of them,
    /// with commas [default: all]
    #[arg(long, value_name = "ORIGIN,…")]
    pub origin: Option<Callers>,
    /// Only calls of these phases: start, run, shutdown; any of them, with commas [default: all]
    #[arg(long, value_name = "PHASE,…")]
    pub phase: Option<Phases>,
    /// Write nothing and exit with 5 unless the observation is complete
    #[arg(long)]
    pub require_complete: bool,
}

/// `observations`
#[derive(Debug, Subcommand)]
pub enum ObservationsVerb {
    /// Write everything that was recorded of a container or an image, as a document
    Export(ObservationsExportArgs),
    /// Take up documents that another host's profilectl wrote
    Import(ObservationsImportArgs),
}

/// `observations export`
#[derive(Debug, Args)]
pub struct ObservationsExportArgs {
    /// A container's name, id or id prefix, or image:REF for all containers of an image that run its
    /// own entrypoint; image:REF#ENTRYPOINT for those that run another
    #[arg(value_name = "CONTAINER|image:REF")]
    pub target: String,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `observations import`
#[derive(Debug, Args)]
pub struct ObservationsImportArgs {
    /// The documents; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `watch`
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Only news of this container: its name, id or id prefix
    #[arg(long, value_name = "CONTAINER")]
    pub container: Option<String>,
    /// How to print; json is one object a line
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// A container's name, id or id prefix, or image:REF; image:REF#ENTRYPOINT for what it needs with
    /// another entrypoint than its own
    #[arg(value_name = "CONTAINER|image:REF")]
    pub target: String,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `promote`
#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// A version: CONTAINER@N, image:REF@N or image:REF#ENTRYPOINT@N
    #[arg(value_name = "VERSION")]
    pub version: String,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `record`
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Write to this file, whole or not at all; standard output without it
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The dialect
    #[arg(long, value_enum, default_value = "docker")]
    pub format: WrittenDialect,
    /// Allow calls only with the values that their arguments had
    #[arg(long)]
    pub args: bool,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
