//! How text that containers choose is shown to a person: nothing in it can move the cursor, hide
//! itself, or pass for another line.
//!
//! For terminals only; JSON carries the text as it is.

/// Characters that show nothing or turn the direction of what follows.
const fn deceives(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn push(shown: &mut String, character: char) {
    let code = u32::from(character);
    if character.is_control() && code <= 0xff {
        shown.push_str(&format!("\\x{code:02x}"));
    } else if character.is_control() || deceives(character) {
        shown.push_str(&format!("\\u{{{code:x}}}"));
    } else {
        shown.push(character);
    }
}

/// One line: control characters become `\x1b` and the like.
#[must_use]
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut shown, character);
    }
    shown
}

/// As [`printable`], with line breaks kept.
#[must_use]
pub(super) fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// Printable, and at most `width` characters: the middle goes, since paths and ids differ at their ends.
#[must_use]
pub(super) fn elided(text: &str, width: usize) -> String {
    let shown: Vec<char> = printable(text).chars().collect();
    if shown.len() <= width {
        return shown.into_iter().collect();
    }
    let kept = width.saturating_sub(1);
    let (head, tail) = (kept / 2, kept - kept / 2);
    let mut short: String = shown.iter().take(head).collect();
    short.push('…');
    short.extend(shown.iter().skip(shown.len() - tail));
    short
}

/// Words in lines of at most `width` characters, all but the first begun by `indent` spaces. The
/// first line is taken to begin at column `indent` already. A word that no line holds is cut.
#[must_use]
pub(super) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(1);
    let mut lines = String::new();
    let mut column = 0;
    for (place, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if place > 0 && column + 1 + length <= room {
            lines.push(' ');
            column += 1;
        } else if place > 0 {
            break_line(&mut lines, indent);
            column = 0;
        }
        for character in word.chars() {
            if column == room {
                break_line(&mut lines, indent);
                column = 0;
            }
            lines.push(character);
            column += 1;
        }
    }
    lines
}

fn break_line(lines: &mut String, indent: usize) {
    lines.push('\n');
    lines.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::{elided, printable, printable_lines, wrapped};

    #[test]
    fn escape_codes_are_shown_not_obeyed() {
        assert_eq!(printable("a\x1b[31m\tb\n"), "a\\x1b[31m\\x09b\\x0a");
        assert_eq!(printable("\u{9b}2J\u{202e}é"), "\\x9b2J\\u{202e}é");
        assert_eq!(printable_lines("a\x07\nb"), "a\\x07\nb");
    }

    #[test]
    fn the_middle_goes() {
        assert_eq!(elided("/usr/sbin/nginx", 15), "/usr/sbin/nginx");
        assert_eq!(elided("/usr/local/sbin/nginx", 11), "/usr/…nginx");
        assert_eq!(elided("abc", 1), "…");
    }

    #[test]
    fn words_wrap_under_their_indent() {
        assert_eq!(wrapped("aa bb cc dd", 2, 7), "aa bb\n  cc dd");
        assert_eq!(wrapped("a bbbbbbbb c", 2, 7), "a\n  bbbbb\n  bbb c");
        assert_eq!(wrapped("", 2, 7), "");
    }
}
