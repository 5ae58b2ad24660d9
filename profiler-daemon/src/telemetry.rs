//! Log lines: on standard error, for people or for machines; `RUST_LOG` chooses what is said.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Begins logging. A second call in one process changes nothing.
pub fn begin(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Without a terminal, colours would end up in files and the journal.
    let _ = match format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .with_target(false)
            .try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
