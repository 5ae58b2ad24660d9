//! What a reader has to say about a text: where, what is wrong, why it matters and how to mend it.

use std::fmt;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Place {
    /// The place of a byte of a text. An offset within a character counts as that character's.
    #[must_use]
    pub fn of(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count();
        let start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        // Bytes that continue a character are not counted.
        let column = before[start..]
            .iter()
            .filter(|byte| **byte & 0xc0 != 0x80)
            .count();
        Self {
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.line, self.column)
    }
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The text has no meaning, or no runtime takes it.
    Error,
    /// It means something else than it seems to say, or something else somewhere.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave.
    pub level: Level,
    /// Where, if it is at one place.
    pub place: Option<Place>,
    /// A stable word for programs: `unknown-field`, `duplicate-index`.
    pub code: &'static str,
    /// What is wrong and why it matters, in a sentence.
    pub what: String,
    /// What to write in its stead, in a sentence; empty if there is nothing to do.
    pub mend: String,
}

/// What came of reading a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// What it says. `None` only if a finding is an [`Level::Error`].
    pub value: Option<T>,
    /// In the order of the text.
    pub findings: Vec<Finding>,
}
