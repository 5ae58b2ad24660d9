//! Reads Rust source as tokens. Must not know what they mean.

/// Identifiers, `::` and single signs, without comments, strings and characters.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let signs: Vec<char> = text.chars().collect();
    let at = |place: usize| signs.get(place).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut place = 0;
    while place < signs.len() {
        let sign = signs[place];
        if sign == '/' && at(place + 1) == '/' {
            while place < signs.len() && signs[place] != '\n' {
                place += 1;
            }
        } else if sign == '/' && at(place + 1) == '*' {
            let mut depth = 0;
            loop {
                if at(place) == '/' && at(place + 1) == '*' {
                    depth += 1;
                    place += 2;
                } else if at(place) == '*' && at(place + 1) == '/' {
                    depth -= 1;
                    place += 2;
                } else {
                    place += 1;
                }
                if depth == 0 || place >= signs.len() {
                    break;
                }
            }
        } else if sign == '"' {
            place = after_string(&signs, place);
        } else if sign == '\'' {
            // A character ends in a quote; a lifetime does not.
            if at(place + 1) == '\\' {
                place += 3;
                while place < signs.len() && signs[place] != '\'' {
                    place += 1;
                }
                place += 1;
            } else if at(place + 2) == '\'' {
                place += 3;
            } else {
                place += 1;
            }
        } else if sign.is_alphanumeric() || sign == '_' {
            let begin = place;
            while at(place).is_alphanumeric() || at(place) == '_' {
                place += 1;
            }
            let word: String = signs[begin..place].iter().collect();
            let raw = matches!(word.as_str(), "r" | "br" | "cr");
            let mut hashes = 0;
            while raw && at(place + hashes) == '#' {
                hashes += 1;
            }
            if raw && at(place + hashes) == '"' {
                place = after_raw_string(&signs, place + hashes + 1, hashes);
            } else if matches!(word.as_str(), "b" | "c") && at(place) == '"' {
                place = after_string(&signs, place);
            } else {
                tokens.push(word);
            }
        } else if sign == ':' && at(place + 1) == ':' {
            tokens.push("::".to_owned());
            place += 2;
        } else {
            if !sign.is_whitespace() {
                tokens.push(sign.to_string());
            }
            place += 1;
        }
    }
    tokens
}

fn after_string(signs: &[char], quote: usize) -> usize {
    let mut place = quote + 1;
    while place < signs.len() && signs[place] != '"' {
        place += if signs[place] == '\\' { 2 } else { 1 };
    }
    place + 1
}

fn after_raw_string(signs: &[char], begin: usize, hashes: usize) -> usize {
    let mut place = begin;
    while place < signs.len() {
        let closing = signs[place + 1..].iter().take_while(|sign| **sign == '#');
        if signs[place] == '"' && closing.take(hashes).count() == hashes {
            return place + 1 + hashes;
        }
        place += 1;
    }
    place
}

/// Leaves out inline modules that are for tests only.
pub(crate) fn without_tests(tokens: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let mut kept = Vec::new();
    let mut place = 0;
    while place < tokens.len() {
        let here = &tokens[place..];
        let marked = here.len() > mark.len() + 1
            && here.iter().zip(mark).all(|(token, sign)| token == sign)
            && here[mark.len() + 1] == "{";
        if marked {
            place += mark.len() + 1;
            place += block_length(&tokens[place..]);
        } else {
            kept.push(tokens[place].clone());
            place += 1;
        }
    }
    kept
}

/// How many tokens a block has, from its opening brace to its closing one.
fn block_length(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    tokens.len()
}
