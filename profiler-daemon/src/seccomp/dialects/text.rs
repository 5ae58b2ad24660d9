//! A foreign text line by line, with places, and how long a text may be.
//!
//! Keeps reading linear and bounded whatever the text is: a place is found within its own line, and
//! only if its finding is kept. Must know nothing of any dialect.

use crate::seccomp::{
    facts::{names, spelling::shortened},
    finding::{Finding, Findings, Level, Place},
};

/// Longest profile that is read, in bytes, whatever its dialect. The longest known have 60 thousand;
/// the worst JSON of this length takes some 130 MB to read. What a tool recorded has no such bound.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// What to say of a profile that is longer than is read.
pub(super) fn too_long(text: &[u8]) -> Option<Finding> {
    (text.len() > MOST_BYTES).then(|| Finding {
        level: Level::Error,
        place: Some(Place::of(text, MOST_BYTES)),
        code: "too-long",
        what: format!(
            "the text has {} bytes, and of a profile no more than {} MiB is read",
            text.len(),
            MOST_BYTES >> 20
        ),
        mend: "write a profile: the longest known have 60 kB".to_owned(),
    })
}

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

/// The lines of a profile. One that is no text at all is an error and is left out, and so are all
/// lines of a text that is too long.
pub(super) fn lines<'a>(text: &'a [u8], findings: &mut Findings) -> Vec<Line<'a>> {
    match too_long(text) {
        Some(finding) => {
            findings.add(finding.level, finding.code, finding.place, || {
                (finding.what, finding.mend)
            });
            Vec::new()
        }
        None => each_line(text)
            .filter_map(|line| line.report(findings))
            .collect(),
    }
}

/// A line, or where and why it is none.
pub(super) struct MaybeLine<'a>(Result<Line<'a>, (Place, &'static str, &'static str)>);

impl<'a> MaybeLine<'a> {
    /// The line; that it is none is an error.
    pub(super) fn report(self, findings: &mut Findings) -> Option<Line<'a>> {
        self.0
            .map_err(|(place, code, what)| findings.error(place, code, what, "give a text file"))
            .ok()
    }
}

/// The lines of a text of any length. A NUL byte or invalid UTF-8 makes that a line is none; a
/// carriage return at its end is not part of a line.
pub(super) fn each_line(text: &[u8]) -> impl Iterator<Item = MaybeLine<'_>> {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let parts = body.split(|byte| *byte == b'\n');
    (1..=u32::MAX)
        .zip(parts)
        .take(if text.is_empty() { 0 } else { usize::MAX })
        .map(|(number, bytes)| MaybeLine(one_line(number, bytes)))
}

fn one_line(number: u32, bytes: &[u8]) -> Result<Line<'_>, (Place, &'static str, &'static str)> {
    if let Some(nul) = bytes.iter().position(|byte| *byte == 0) {
        let what = "a NUL byte: this is no text";
        return Err((within(number, bytes, nul), "nul-byte", what));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Line {
            number,
            text: text.strip_suffix('\r').unwrap_or(text),
        }),
        Err(error) => {
            let what = "bytes that are no UTF-8: this is no text";
            Err((within(number, bytes, error.valid_up_to()), "not-utf8", what))
        }
    }
}

fn within(line: u32, bytes: &[u8], offset: usize) -> Place {
    Place {
        line,
        ..Place::of(bytes, offset)
    }
}

/// Reports a name that no architecture has. It is kept all the same: a newer kernel may know it.
pub(super) fn report_unknown(name: &str, line: Line<'_>, findings: &mut Findings) {
    if names::is_known(name) {
        return;
    }
    findings.add(Level::Warning, "unknown-call", line.place(name), || {
        let quoted = shortened(name);
        (
            format!("no architecture has a call named \"{quoted}\", so the line does nothing"),
            names::suggestion(name),
        )
    });
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
        let text = "x ".repeat(MOST_BYTES / 2);
        let mut findings = Findings::default();
        let lines = lines(text.as_bytes(), &mut findings);
        for word in lines[0].text.split(' ') {
            findings.warning(lines[0].place(word), "w", "", "");
        }
        assert_eq!(findings.reading(()).findings.len(), Findings::MOST + 1);
    }

    #[test]
    fn of_a_text_that_is_too_long_nothing_is_read() {
        let mut text = b"read\n".repeat(MOST_BYTES / 5);
        let mut findings = Findings::default();
        assert_eq!(lines(&text, &mut findings).len(), MOST_BYTES / 5);
        assert!(!findings.failed());
        text.resize(MOST_BYTES + 1, b'x');
        assert!(lines(&text, &mut findings).is_empty());
        let finding = findings.into_list().remove(0);
        assert_eq!(finding.code, "too-long");
        assert!(finding.what.contains("1048577 bytes"), "{}", finding.what);
        assert_eq!(finding.place, Some(Place::of(&text, MOST_BYTES)));
    }
}
