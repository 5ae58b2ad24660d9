//! Finds the paths in a module's tokens. Must not judge them.

/// Every path in the code, `use` trees spread out, those of this crate beginning with `crate::`.
pub(crate) fn paths(tokens: &[String], file: &[String]) -> Vec<String> {
    let mut paths = Vec::new();
    let mut depth = 0;
    // Inline modules that are open, by the depth of their brace.
    let mut inner: Vec<(i32, String)> = Vec::new();
    let mut place = 0;
    while place < tokens.len() {
        let before = place.checked_sub(1).map(|last| tokens[last].as_str());
        match tokens[place].as_str() {
            "{" => {
                depth += 1;
                if place >= 2 && tokens[place - 2] == "mod" {
                    inner.push((depth, tokens[place - 1].clone()));
                }
            }
            "}" => {
                inner.retain(|(opened, _)| *opened != depth);
                depth -= 1;
            }
            // `impl Trait + use<'a>` names lifetimes, and imports nothing.
            "use" if tokens.get(place + 1).is_none_or(|next| next != "<") => {
                let mut spread = Vec::new();
                place = spread_tree(tokens, place + 1, "", &mut spread);
                let module = module_at(file, &inner);
                paths.extend(spread.iter().map(|path| absolute(path, &module)));
                continue;
            }
            word if is_word(word)
                && before != Some("::")
                && tokens.get(place + 1).is_some_and(|next| next == "::") =>
            {
                let mut path = word.to_owned();
                while tokens.get(place + 1).is_some_and(|next| next == "::")
                    && tokens.get(place + 2).is_some_and(|next| is_word(next))
                {
                    path = format!("{path}::{}", tokens[place + 2]);
                    place += 2;
                }
                paths.push(absolute(&path, &module_at(file, &inner)));
            }
            _ => {}
        }
        place += 1;
    }
    paths
}

fn is_word(token: &str) -> bool {
    token.starts_with(|sign: char| sign.is_alphabetic() || sign == '_')
}

fn module_at(file: &[String], inner: &[(i32, String)]) -> Vec<String> {
    let inner = inner.iter().map(|(_, name)| name);
    file.iter().chain(inner).cloned().collect()
}

/// Spreads a `use` tree out; answers the place after it.
fn spread_tree(
    tokens: &[String],
    mut place: usize,
    before: &str,
    paths: &mut Vec<String>,
) -> usize {
    let mut path = before.to_owned();
    while let Some(token) = tokens.get(place) {
        match token.as_str() {
            "{" => {
                place += 1;
                while tokens.get(place).is_some_and(|token| token != "}") {
                    let branch = place;
                    place = spread_tree(tokens, place, &path, paths);
                    if tokens.get(place).is_some_and(|token| token == ",") {
                        place += 1;
                    }
                    // No tree: whatever it is, reading on would stay here for ever.
                    if place == branch {
                        return place;
                    }
                }
                return place + 1;
            }
            "," | ";" | "}" => break,
            "as" => place += 2,
            "::" | "*" => place += 1,
            word => {
                path = match (path.as_str(), word) {
                    ("", word) => word.to_owned(),
                    (path, "self") => path.to_owned(),
                    (path, word) => format!("{path}::{word}"),
                };
                place += 1;
            }
        }
    }
    paths.push(path);
    place
}

/// A path as seen from a module, from the crate's root if it is this crate's.
fn absolute(path: &str, module: &[String]) -> String {
    let mut parts = path.split("::").peekable();
    let mut root: Vec<&str> = match parts.peek() {
        Some(&"crate" | &"profiler_daemon") => {
            parts.next();
            Vec::new()
        }
        Some(&"self" | &"super") => module.iter().map(String::as_str).collect(),
        _ => return path.to_owned(),
    };
    while let Some(step @ ("self" | "super")) = parts.peek().copied() {
        if step == "super" {
            root.pop();
        }
        parts.next();
    }
    let all: Vec<&str> = ["crate"].into_iter().chain(root).chain(parts).collect();
    all.join("::")
}
