//! Standard output and standard error: the only place that writes to them.
//!
//! Data goes to the one, the rest to the other; colour only where a person looks.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::{
    args::Color,
    exit::{ExitStatus, Failure},
    printable::printable_lines,
};

/// How good or bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Doubtful,
    Bad,
    Heading,
}

impl Tone {
    const fn escape(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Doubtful => "\x1b[33m",
            Self::Bad => "\x1b[31m",
            Self::Heading => "\x1b[1m",
        }
    }
}

/// Where a verb writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    color: bool,
}

impl Terminal {
    pub(super) fn new(color: Color) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !plain && io::stdout().is_terminal(),
        };
        Self { color }
    }

    /// The text in a colour, if colours are on.
    pub(super) fn tint(self, tone: Tone, text: &str) -> String {
        if self.color {
            format!("{}{text}\x1b[0m", tone.escape())
        } else {
            text.to_owned()
        }
    }

    /// Writes data, as it is.
    pub(super) fn print(self, text: &str) -> Result<(), Failure> {
        Self::write(text.as_bytes())
    }

    /// Writes data that need not be text; a person's terminal is spared it.
    pub(super) fn print_bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        if io::stdout().is_terminal() && std::str::from_utf8(bytes).is_err() {
            return Err(Failure::new(
                ExitStatus::BadInput,
                "this is no text and would upset the terminal: write it to a file with -o",
            ));
        }
        Self::write(bytes)
    }

    fn write(bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::reader_gone()),
            Err(error) => Err(Failure::new(
                ExitStatus::BadInput,
                format!("cannot write to standard output: {error}"),
            )),
        }
    }

    /// Writes a value as JSON.
    pub(super) fn print_json<T: Serialize>(self, value: &T) -> Result<(), Failure> {
        self.print(&json(value)?)
    }

    /// A remark that is not data.
    pub(super) fn remark(self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "{}", printable_lines(text));
    }

    /// What went wrong.
    pub(super) fn complain(self, text: &str) {
        self.remark(&format!("profilectl: {text}"));
    }
}

/// A value as indented JSON with a newline at its end.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| {
            Failure::new(
                ExitStatus::Unreachable,
                format!("the answer could not be written as JSON: {error}"),
            )
        })
}
