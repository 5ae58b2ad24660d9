//! A JSON text as a tree that knows the place of every key and value.
//!
//! Keeps what a value type of JSON loses: places, doubled keys, the digits of a number. What is
//! JSON and what is not is decided by `serde_json`, which keeps to the grammar; the tree comes from
//! `jsonc-parser`, which tells where everything stands but takes more than the grammar allows. Both
//! see only text that is short and shallow enough. Must not know what a profile is.

mod depth;
mod tree;

use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

pub use self::tree::{Member, Node, Value};
use crate::seccomp::{
    dialects::text::{MOST_BYTES, too_long},
    finding::{Finding, Level, Place},
};

/// Deepest nesting of lists and objects that is read. A profile has five levels, an OCI
/// configuration eight.
pub const MOST_DEPTH: usize = 64;

/// Reads a text.
///
/// # Errors
/// The text is no JSON, or is longer or deeper than is read here; the finding says where.
pub fn parse(text: &[u8]) -> Result<Node<'_>, Finding> {
    let read = text.get(..MOST_BYTES).unwrap_or(text);
    if let Some(offset) = depth::first_beyond(read, MOST_DEPTH) {
        return Err(refused(
            "too-deep",
            Place::of(text, offset),
            format!("lists and objects are nested more than {MOST_DEPTH} deep here"),
            "write a profile: it has five levels",
        ));
    }
    if let Some(finding) = too_long(text) {
        return Err(finding);
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let place = Place::of(text, error.valid_up_to());
        let what = "here is a byte that is not UTF-8".to_owned();
        refused("not-utf8", place, what, "save the file as UTF-8")
    })?;
    if text.trim_ascii().is_empty() {
        return Err(refused(
            "empty-text",
            Place { line: 1, column: 1 },
            "the text is empty".to_owned(),
            "give a JSON object",
        ));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|error| ungrammatical(text.as_bytes(), &error))?;
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    // After serde_json has passed the text only half a surrogate pair is refused here.
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| {
        let place = Place::of(text.as_bytes(), error.range().start);
        let what = format!("this is not JSON: {}", error.kind());
        refused("not-json", place, what, "")
    })?;
    parsed
        .value
        .map(|value| tree::build(text, value))
        .ok_or_else(|| {
            let what = "the text holds no value".to_owned();
            refused("empty-text", Place { line: 1, column: 1 }, what, "")
        })
}

fn refused(code: &'static str, place: Place, what: String, mend: &str) -> Finding {
    Finding {
        level: Level::Error,
        place: Some(place),
        code,
        what,
        mend: mend.to_owned(),
    }
}

/// The finding of an error of serde_json's, whose columns count bytes.
fn ungrammatical(text: &[u8], error: &serde_json::Error) -> Finding {
    let start = match error.line() {
        0 | 1 => 0,
        line => text
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(line - 2)
            .map_or(text.len(), |(newline, _)| newline + 1),
    };
    let mut offset = start + error.column().saturating_sub(1);
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    // Of a control character in a string serde_json tells the place of what is before it.
    if text.get(offset + 1).is_some_and(u8::is_ascii_control) && message.starts_with("control") {
        offset += 1;
    }
    let (what, mend) = match text.get(offset) {
        Some(0) => ("here is a NUL byte".to_owned(), "remove it"),
        Some(b'/' | b'#') => (
            format!("this is not JSON: {message}"),
            "JSON has no comments; a rule may have a \"comment\" field",
        ),
        Some(end @ (b'}' | b']')) if message.starts_with("key") || message.starts_with("trail") => {
            (
                format!(
                    "this is not JSON: there is a comma before {}",
                    char::from(*end)
                ),
                "remove the comma",
            )
        }
        _ => (format!("this is not JSON: {message}"), ""),
    };
    refused("not-json", Place::of(text, offset), what, mend)
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
