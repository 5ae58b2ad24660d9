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

/// The code of the finding that says how many are not told; it comes last.
pub(in crate::seccomp) const LEFT_OUT: &str = "more-findings";

impl Finding {
    /// What findings are sorted by: their place, then their gravity. What is said of the whole text
    /// comes after what is said of a place.
    pub(in crate::seccomp) fn order(&self) -> impl Ord + use<> {
        let last = self.code == LEFT_OUT;
        (last, self.place.is_none(), self.place, self.level)
    }
}

/// Collects findings while a text is read or printed, up to a limit, so that a long bad text costs
/// neither memory nor time.
#[derive(Debug, Default)]
pub(in crate::seccomp) struct Findings {
    list: Vec<Finding>,
    left_out: usize,
    /// How many errors are in the list.
    errors: usize,
    failed: bool,
}

impl Findings {
    /// How many findings about one text are worth telling; further ones are counted.
    pub(in crate::seccomp) const MOST: usize = 500;

    /// Adds a finding, which is only made up, and its place counted, if there is room for it.
    pub(in crate::seccomp) fn add(
        &mut self,
        level: Level,
        code: &'static str,
        place: impl Into<Option<Place>>,
        texts: impl FnOnce() -> (String, String),
    ) {
        if !self.has_room() {
            self.left_out += 1;
            if level != Level::Error || !self.make_room() {
                self.failed |= level == Level::Error;
                return;
            }
        }
        if level == Level::Error {
            self.failed = true;
            self.errors += 1;
        }
        let (what, mend) = texts();
        self.list.push(Finding {
            level,
            place: place.into(),
            code,
            what,
            mend,
        });
    }

    /// True while a finding is still kept, so that it pays to look for what to say.
    pub(in crate::seccomp) fn has_room(&self) -> bool {
        self.list.len() < Self::MOST
    }

    /// Drops the last finding that is no error: that a text has no meaning is told before all else.
    /// False if all are errors.
    fn make_room(&mut self) -> bool {
        if self.errors >= self.list.len() {
            return false;
        }
        let last = self.list.iter().rposition(|one| one.level != Level::Error);
        last.map(|last| self.list.remove(last)).is_some()
    }

    /// The text has no meaning.
    pub(in crate::seccomp) fn error(
        &mut self,
        place: impl Into<Option<Place>>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(Level::Error, code, place, || (what.into(), mend.into()));
    }

    /// It means something else than it seems to.
    pub(in crate::seccomp) fn warning(
        &mut self,
        place: impl Into<Option<Place>>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(Level::Warning, code, place, || (what.into(), mend.into()));
    }

    /// Worth knowing.
    pub(in crate::seccomp) fn note(
        &mut self,
        place: impl Into<Option<Place>>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(Level::Note, code, place, || (what.into(), mend.into()));
    }

    /// True if an [`Level::Error`] was added.
    pub(in crate::seccomp) const fn failed(&self) -> bool {
        self.failed
    }

    /// All of them, in the order of the text; those without a place come last.
    pub(in crate::seccomp) fn into_list(mut self) -> Vec<Finding> {
        self.list.sort_by_key(Finding::order);
        if self.left_out > 0 {
            self.list.push(Finding {
                level: if self.failed {
                    Level::Error
                } else {
                    Level::Warning
                },
                place: None,
                code: LEFT_OUT,
                what: format!("{} more findings are left out", self.left_out),
                mend: "mend these first".to_owned(),
            });
        }
        self.list
    }

    /// What came of it all: the value, unless there was an error.
    pub(in crate::seccomp) fn reading<T>(self, value: T) -> Reading<T> {
        Reading {
            value: (!self.failed).then_some(value),
            findings: self.into_list(),
        }
    }
}

impl<T> Reading<T> {
    /// The same findings about something made of the value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Reading<U> {
        Reading {
            value: self.value.map(make),
            findings: self.findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, LEFT_OUT, Level, Place};

    #[test]
    fn they_are_bounded_and_an_error_among_the_hidden_ones_counts() {
        let mut findings = Findings::default();
        for _ in 0..Findings::MOST + 1 {
            findings.error(None, "e", "", "");
        }
        assert!(!findings.has_room());
        let reading = findings.reading(());
        assert_eq!(reading.value, None);
        assert_eq!(reading.findings.len(), Findings::MOST + 1);
        assert_eq!(reading.findings.last().unwrap().level, Level::Error);
        assert_eq!(reading.findings.last().unwrap().code, LEFT_OUT);
    }

    #[test]
    fn an_error_is_kept_though_there_are_many_others() {
        let mut findings = Findings::default();
        for _ in 0..Findings::MOST {
            findings.warning(Place { line: 1, column: 1 }, "w", "", "");
        }
        findings.error(None, "e", "", "");
        findings.note(None, "n", "", "");
        assert!(findings.failed());
        let list = findings.into_list();
        assert_eq!(list.len(), Findings::MOST + 1);
        assert!(list.iter().any(|one| one.code == "e"));
        assert!(list.last().unwrap().what.starts_with("2 more"));
    }

    #[test]
    fn they_come_in_the_order_of_the_text_and_those_of_the_whole_last() {
        let mut findings = Findings::default();
        findings.warning(None, "whole", "", "");
        findings.warning(Place { line: 2, column: 1 }, "second", "", "");
        findings.note(Place { line: 1, column: 9 }, "first", "", "");
        findings.error(Place { line: 1, column: 9 }, "gravest", "", "");
        let codes: Vec<_> = findings.into_list().iter().map(|one| one.code).collect();
        assert_eq!(codes, ["gravest", "first", "second", "whole"]);
    }
}
