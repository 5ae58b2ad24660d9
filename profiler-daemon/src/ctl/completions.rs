//! `profilectl completions`: a script for a shell, made from the command line itself.

use clap::CommandFactory;

use super::{
    args::{Cli, CompletionsArgs},
    exit::{ExitStatus, Failure},
    terminal::Terminal,
};

pub(super) fn run(args: &CompletionsArgs, terminal: &Terminal) -> Result<ExitStatus, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "profilectl", &mut script);
    terminal.print(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Done)
}
