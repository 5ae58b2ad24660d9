//! The command line of `profilectl verify`. Types only.

use std::time::Duration;

use clap::Args;

use crate::ctl::{
    container_args::{ContainerArgs, EngineArgs, seconds},
    format::Format,
};

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The profile: a file, -, a container, image:REF or image:REF#ENTRYPOINT, active:CONTAINER, docker-default or unconfined
    #[arg(value_name = "P")]
    pub profile: String,
    /// The image to start under it
    #[arg(long, value_name = "REF")]
    pub image: String,
    /// Start it so many times with each runtime
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub times: u32,
    /// With this runtime of the engine's; may be given several times. Its default without it
    #[arg(long, value_name = "NAME")]
    pub runtime: Vec<String>,
    /// How long a start may take until the check succeeds, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub patience: Duration,
    /// How long it may take to stop before it is killed, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub stop_timeout: Duration,
    /// Do not try first how the image behaves under the engine's default
    #[arg(long)]
    pub no_control: bool,
    /// Start it although the runtime is known to fail
    #[arg(long)]
    pub anyway: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// The words that the container executes, in place of the image's, in one string
    #[arg(long, value_name = "WORDS")]
    pub command: Option<String>,
    /// Run as this user
    #[arg(long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Capabilities that the container has besides Docker's usual ones; ALL for all
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub cap_add: Vec<String>,
    /// Capabilities that it lacks of those; ALL for all
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub cap_drop: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub engine: EngineArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub container: ContainerArgs,
    /// A command that succeeds in the container if it works, after `--`; its health check without it
    #[arg(last = true, value_name = "CHECK")]
    pub check: Vec<String>,
}
