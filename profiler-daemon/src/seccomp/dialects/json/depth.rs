//! How deep a text nests, found without recursion, before a parser that recurses sees it.

/// The place of the bracket that opens one level more than `most`; strings are passed over.
///
/// The text need not be JSON.
pub(super) fn first_beyond(text: &[u8], most: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for (offset, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > most {
                    return Some(offset);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::first_beyond;

    #[test]
    fn counts_brackets_but_not_those_in_strings() {
        assert_eq!(first_beyond(b"[[]]", 2), None);
        assert_eq!(first_beyond(b"[{\"a\":[]}]", 2), Some(6));
        assert_eq!(first_beyond(br#"["[[[\"[["]"#, 1), None);
        assert_eq!(first_beyond(b"][][][[", 1), Some(6));
    }
}
