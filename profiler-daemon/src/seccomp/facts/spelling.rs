//! What somebody may have meant who wrote a word wrong.

/// How many words are worth suggesting.
const MOST: usize = 3;

/// Longest word that is compared: no known one is longer than 40 characters.
const LONGEST: usize = 64;

/// A word of the text as a finding quotes it.
pub(in crate::seccomp) fn shortened(word: &str) -> String {
    /// As long as the longest words that are meant, and some.
    const MOST: usize = 64;
    let mut short: String = word
        .chars()
        .take(MOST)
        .flat_map(|letter| {
            let control = letter.is_control();
            let plain = (!control).then_some(letter);
            let escaped = control.then(|| letter.escape_default());
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect();
    if word.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

/// Words near to a wrong one, the nearest first; upper and lower case are the same.
pub fn nearest<'w>(wrong: &str, words: impl IntoIterator<Item = &'w str>) -> Vec<&'w str> {
    if wrong.len() > LONGEST {
        return Vec::new();
    }
    let wrong = wrong.to_ascii_lowercase();
    let length = wrong.chars().count();
    let farthest = (length / 3).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = words
        .into_iter()
        // Comparing letters takes long, and lengths say of most words that they are not near.
        .filter(|word| word.chars().count().abs_diff(length) <= farthest)
        .map(|word| {
            let distance = strsim::osa_distance(&wrong, &word.to_ascii_lowercase());
            (distance, word)
        })
        .filter(|(distance, _)| *distance <= farthest)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, word)| word).collect()
}

/// Words to choose from, as a sentence's end has them: `a`, `a or b`, `a, b or c`.
#[must_use]
pub fn choice(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{choice, nearest};

    #[test]
    fn a_slip_finds_its_word() {
        let words = ["openat", "open", "socketcall"];
        assert_eq!(nearest("opnat", words), ["openat"]);
        assert_eq!(nearest("SOCKETCAL", words), ["socketcall"]);
        assert!(nearest("frobnicate_everything", words).is_empty());
        assert!(nearest(&"x".repeat(1 << 20), words).is_empty());
    }

    #[test]
    fn a_choice_reads_as_a_sentence() {
        assert_eq!(choice(&["a", "b", "c"]), "a, b or c");
        assert_eq!(choice(&["a"]), "a");
    }
}
