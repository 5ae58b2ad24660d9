//! `profilectl`: a file a verb.
//!
//! Talks to the daemon through `api::client` only. Data goes to standard output, everything else to
//! standard error.

pub mod apply;
pub mod args;
mod audit;
mod beside;
mod check;
mod circumstances;
mod clock;
mod compile;
mod completions;
mod container_args;
mod convert;
mod coverage;
mod delivery;
mod diff;
mod docker_failure;
mod edit;
mod enforced;
mod enforced_wording;
mod eval;
pub mod exit;
mod explain;
mod export;
mod findings;
pub mod format;
mod history;
mod list;
mod loaded_wording;
mod merge;
mod observations;
mod operand;
mod policy_wording;
mod printable;
pub mod profile_args;
mod promote;
pub mod record;
pub mod run;
mod shadow;
mod show;
mod standard_input;
mod status;
mod table;
mod terminal;
pub mod verify;
mod version_of;
mod watch;
mod wording;

use args::{Cli, Verb};
use exit::{ExitStatus, Failure};
use terminal::Terminal;

use crate::api::client::Client;

/// Does what the command line says, and says how it went.
#[must_use]
pub fn run(cli: Cli) -> ExitStatus {
    let terminal = Terminal::new(cli.color);
    trace(cli.verbose);
    let verb = match cli.verb {
        // They make their own runtime: they fork, which must happen before there are threads.
        Verb::Record(args) => return record::run(args),
        Verb::Run(args) => return run::run(&args, &Client::new(cli.socket), &terminal),
        verb => verb,
    };
    let client = Client::new(cli.socket);
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitStatus::Unreachable, format!("cannot start: {error}")))
        .and_then(|runtime| runtime.block_on(perform(verb, &client, &terminal)));
    match outcome {
        Ok(status) => status,
        Err(failure) => {
            if let Some(message) = failure.message {
                terminal.complain(&message);
            }
            failure.status
        }
    }
}

async fn perform(verb: Verb, client: &Client, terminal: &Terminal) -> Result<ExitStatus, Failure> {
    match verb {
        Verb::List(args) => list::run(&args, client, terminal).await,
        Verb::Show(args) => show::run(&args, client, terminal).await,
        Verb::Explain(args) => explain::run(&args, client, terminal).await,
        Verb::Export(args) => export::run(&args, client, terminal).await,
        Verb::Watch(args) => watch::run(&args, client, terminal).await,
        Verb::Status(args) => status::run(&args, client, terminal).await,
        Verb::Apply(args) => apply::run(&args, client, terminal).await,
        Verb::Audit(args) => audit::run(&args, client, terminal).await,
        Verb::Check(args) => check::run(&args, client, terminal).await,
        Verb::Eval(args) => eval::run(&args, client, terminal).await,
        Verb::Compile(args) => compile::run(&args, client, terminal).await,
        Verb::Convert(args) => convert::run(&args, client, terminal).await,
        Verb::Edit(args) => edit::run(&args, client, terminal).await,
        Verb::Diff(args) => diff::run(&args, client, terminal).await,
        Verb::Verify(args) => verify::run(&args, client, terminal).await,
        Verb::Merge(args) => merge::run(&args, client, terminal).await,
        Verb::Observations(verb) => observations::run(&verb, client, terminal).await,
        Verb::History(args) => history::run(&args, client, terminal).await,
        Verb::Promote(args) => promote::run(&args, client, terminal).await,
        Verb::Completions(args) => completions::run(&args, terminal),
        Verb::Record(args) => Ok(record::run(args)),
        Verb::Run(args) => Ok(run::run(&args, client, terminal)),
    }
}

/// Tells on standard error what is asked of the daemon, when that was asked for.
fn trace(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    // A second call in one process keeps the first one's choice.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}
