//! A foreign text line by line, with places, and the findings that gather while it is read.
//!
//! Keeps reading linear and bounded whatever the text is: a place is found within its own line, and
//! from [`Findings::MOST`] on findings are only counted. Must know nothing of any dialect.

use super::finding::{Finding, Level, Place, Reading};

/// One line of a text, without its line feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// From 1.
    number: u32,
    /// What it says.
    pub(super) text: &'a str,
}

/// A part of a line, whose place is counted only when a finding is kept: on a long line that takes
/// time, and a text may give rise to any number of findings.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    line: Line<'a>,
    offset: usize,
}

impl<'a> Line<'a> {
    /// Where a part of this line is. A part of something else counts as the line's beginning.
    pub(super) fn place(self, part: &str) -> At<'a> {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        At { line: self, offset }
    }

    /// The place of its beginning.
    pub(super) const fn start(self) -> Place {
        Place {
            line: self.number,
            column: 1,
        }
    }
}

impl From<At<'_>> for Place {
    fn from(at: At<'_>) -> Self {
        let before = at.line.text.get(..at.offset).unwrap_or("");
        Self {
            line: at.line.number,
            column: u32::try_from(before.chars().count())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        }
    }
}

impl From<At<'_>> for Option<Place> {
    fn from(at: At<'_>) -> Self {
        Some(at.into())
    }
}

/// The lines of a text. One that is no text at all (a NUL byte, invalid UTF-8) is an error and is
/// left out; a carriage return at its end is not part of a line.
pub(super) fn lines<'a>(text: &'a [u8], findings: &mut Findings) -> Vec<Line<'a>> {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (number, bytes) in (1..=u32::MAX).zip(body.split(|byte| *byte == b'\n')) {
        if let Some(nul) = bytes.iter().position(|byte| *byte == 0) {
            let place = within(number, bytes, nul);
            findings.error(
                place,
                "nul-byte",
                "a NUL byte: this is no text",
                "give a text file",
            );
            continue;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => lines.push(Line {
                number,
                text: text.strip_suffix('\r').unwrap_or(text),
            }),
            Err(error) => {
                let place = within(number, bytes, error.valid_up_to());
                findings.error(
                    place,
                    "not-utf-8",
                    "bytes that are no UTF-8: this is no text",
                    "give a text file",
                );
            }
        }
    }
    lines
}

fn within(line: u32, bytes: &[u8], offset: usize) -> Place {
    Place {
        line,
        ..Place::of(bytes, offset)
    }
}

/// Findings that gather, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    uncounted: usize,
    failed: bool,
}

impl Findings {
    /// How many are kept; further ones are counted.
    pub(super) const MOST: usize = 1000;

    /// True while a finding is still kept, so that it pays to word it well.
    pub(super) fn has_room(&self) -> bool {
        self.list.len() < Self::MOST
    }

    /// The text has no meaning.
    pub(super) fn error(
        &mut self,
        place: impl Into<Option<Place>>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.failed = true;
        self.push(Level::Error, place, code, what, mend);
    }

    /// It means something else than it seems to.
    pub(super) fn warning(
        &mut self,
        place: impl Into<Option<Place>>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(Level::Warning, place, code, what, mend);
    }

    /// Worth knowing.
    pub(super) fn note(
        &mut self,
        place: impl Into<Option<Place>>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(Level::Note, place, code, what, mend);
    }

    fn push(
        &mut self,
        level: Level,
        place: impl Into<Option<Place>>,
        code: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        if !self.has_room() {
            self.uncounted += 1;
            return;
        }
        self.list.push(Finding {
            level,
            place: place.into(),
            code,
            what: what.into(),
            mend: mend.into(),
        });
    }

    /// What came of it all: the value, unless there was an error.
    pub(super) fn reading<T>(mut self, value: T) -> Reading<T> {
        if self.uncounted > 0 {
            self.list.push(Finding {
                level: if self.failed {
                    Level::Error
                } else {
                    Level::Warning
                },
                place: None,
                code: "more-findings",
                what: format!("{} more findings are not shown", self.uncounted),
                mend: "mend the first ones and read again".to_owned(),
            });
        }
        Reading {
            value: (!self.failed).then_some(value),
            findings: self.list,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_text() {
        let mut findings = Findings::default();
        let lines = lines("a\r\nwört two\n\n".as_bytes(), &mut findings);
        let texts: Vec<&str> = lines.iter().map(|line| line.text).collect();
        assert_eq!(texts, ["a", "wört two", ""]);
        let two = lines[1].text.split(' ').nth(1).unwrap();
        assert_eq!(Place::from(lines[1].place(two)).to_string(), "2:6");
        assert_eq!(Place::from(lines[1].place("elsewhere")).line, 2);
    }

    #[test]
    fn what_is_no_text_is_an_error_with_a_place() {
        let mut findings = Findings::default();
        let lines = lines(b"ok\na\0b\nw\xff\n", &mut findings);
        assert_eq!(lines.len(), 1);
        let reading = findings.reading(());
        assert_eq!(reading.value, None);
        let places: Vec<String> = reading
            .findings
            .iter()
            .filter_map(|finding| Some(finding.place?.to_string()))
            .collect();
        assert_eq!(places, ["2:2", "3:2"]);
    }

    #[test]
    fn a_long_line_full_of_findings_takes_no_time() {
        let text = "x ".repeat(1_000_000);
        let mut findings = Findings::default();
        let lines = lines(text.as_bytes(), &mut findings);
        for word in lines[0].text.split(' ') {
            findings.warning(lines[0].place(word), "w", "", "");
        }
        assert_eq!(findings.reading(()).findings.len(), Findings::MOST + 1);
    }

    #[test]
    fn findings_are_bounded_and_an_error_among_the_hidden_ones_counts() {
        let mut findings = Findings::default();
        for _ in 0..Findings::MOST {
            findings.note(None, "n", "", "");
        }
        findings.error(None, "e", "", "");
        let reading = findings.reading(());
        assert_eq!(reading.value, None);
        assert_eq!(reading.findings.len(), Findings::MOST + 1);
        assert_eq!(reading.findings.last().unwrap().level, Level::Error);
    }
}
