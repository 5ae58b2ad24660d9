//! The command line of `profilectl run`. Types only.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, ValueEnum};

use crate::ctl::{
    container_args::{ContainerArgs, EngineArgs},
    format::Format,
    profile_args::{CircumstancesArgs, HostArgs, MeaningName},
};

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The profile: a file, -, a container, image:REF or image:REF#ENTRYPOINT, active:CONTAINER, docker-default or unconfined
    #[arg(long, value_name = "P")]
    pub profile: String,
    /// Run a container of this image, instead of a command on this machine
    #[arg(long, value_name = "IMAGE")]
    pub docker: Option<String>,
    /// What becomes of calls that the profile refuses
    #[arg(long, value_enum, default_value = "enforce")]
    pub mode: ModeName,
    /// With --mode notify: who decides about a call; ask without it
    #[arg(long, value_enum, value_name = "WHO")]
    pub answer: Option<AnswerName>,
    /// With --mode enforce: load the filter as it is written, and watch nothing
    #[arg(long)]
    pub plain: bool,
    /// Run as this user and in this one group, by name or number; needs root
    #[arg(long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Run without any capability
    #[arg(long)]
    pub drop_caps: bool,
    /// How to write the report
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Write the report to this file; standard error without it
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// What the document says, or what a runtime makes of it
    #[arg(long, value_enum, default_value = "exact")]
    pub meaning: MeaningName,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub host: HostArgs,
    /// The engine's runtime that starts the container; its default without it
    #[arg(long, value_name = "NAME")]
    pub docker_runtime: Option<String>,
    /// Pass standard input on to the container
    #[arg(short, long)]
    pub interactive: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub container: ContainerArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub engine: EngineArgs,
    /// The command and its arguments, after `--`; with --docker the image's own without it
    #[arg(last = true, required_unless_present = "docker", value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// What becomes of calls that the profile refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// They are refused, as the profile says
    Enforce,
    /// They are carried out, and told at the end
    Log,
    /// Each is shown, and decided about
    Notify,
    /// They end the process
    Kill,
}

/// Who decides about a call that the profile refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerName {
    /// The profile: it is refused
    Refuse,
    /// Nobody: it is carried out
    Allow,
    /// You, on the terminal; refused where there is none
    Ask,
}
