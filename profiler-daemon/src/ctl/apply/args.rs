//! The command line of `apply`.

use std::time::Duration;

use clap::Args;

use crate::ctl::{
    container_args::{EngineArgs, seconds},
    format::Format,
};

/// `apply`
#[derive(Debug, Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub struct ApplyArgs {
    /// A container's name, id or id prefix
    pub container: String,
    /// A profile; without it the container's own, as `export` writes it
    #[arg(long, value_name = "P")]
    pub profile: Option<String>,
    /// How long a container is watched under the profile, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub watch: Duration,
    /// No trial beside the container, even where it is safe
    #[arg(long)]
    pub no_trial: bool,
    /// Keep the old container, stopped, under another name
    #[arg(long)]
    pub keep: bool,
    /// Remove the old container though it wrote files that the new one will not have
    #[arg(long, conflicts_with = "keep")]
    pub discard: bool,
    /// Also if the observation is not complete
    #[arg(long)]
    pub incomplete: bool,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Only undo what a move left that was cut short
    #[arg(long, conflicts_with_all = ["profile", "keep", "discard", "dry_run"])]
    pub recover: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub engine: EngineArgs,
    /// Watch the process at the other end of standard input, and recover if it dies
    #[arg(long, hide = true)]
    pub guard: bool,
}
