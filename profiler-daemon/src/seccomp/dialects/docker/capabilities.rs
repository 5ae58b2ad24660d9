//! Which capabilities a container holds after `--cap-add` and `--cap-drop`, as Docker reckons it.

use std::collections::BTreeSet;

use super::vocabulary::{CAPABILITIES, DOCKER_CAPABILITIES};
use crate::seccomp::facts::spelling::{choice, nearest};

/// The bounding set, `CAP_…`. `SYS_ADMIN`, `cap_sys_admin` and `CAP_SYS_ADMIN` are one.
///
/// # Errors
/// A sentence about a word that is no capability.
pub fn held(add: &[String], drop: &[String]) -> Result<BTreeSet<String>, String> {
    let mut held: BTreeSet<String> = DOCKER_CAPABILITIES.map(str::to_owned).into();
    // As with Docker, --cap-drop ALL --cap-add X leaves X.
    if drop.iter().any(|word| is_all(word)) {
        held.clear();
    }
    for word in drop.iter().filter(|word| !is_all(word)) {
        held.remove(capability(word)?);
    }
    if add.iter().any(|word| is_all(word)) {
        held.extend(all());
        for word in drop.iter().filter(|word| !is_all(word)) {
            held.remove(capability(word)?);
        }
    }
    for word in add.iter().filter(|word| !is_all(word)) {
        held.insert(capability(word)?.to_owned());
    }
    Ok(held)
}

/// All capabilities: those of a privileged container.
#[must_use]
pub fn all() -> BTreeSet<String> {
    CAPABILITIES.map(str::to_owned).into()
}

fn is_all(word: &str) -> bool {
    word.eq_ignore_ascii_case("all")
}

fn capability(word: &str) -> Result<&'static str, String> {
    let upper = word.to_ascii_uppercase();
    let full = if upper.starts_with("CAP_") {
        upper
    } else {
        format!("CAP_{upper}")
    };
    CAPABILITIES
        .into_iter()
        .find(|known| *known == full)
        .ok_or_else(|| {
            let near = nearest(&full, CAPABILITIES);
            let hint = if near.is_empty() {
                "capabilities(7) lists them".to_owned()
            } else {
                format!("did you mean {}?", choice(&near))
            };
            format!("no capability is called {word}; {hint}")
        })
}

#[cfg(test)]
mod tests {
    use super::held;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn capabilities_are_added_and_dropped_as_docker_does() {
        let held = |add: &[&str], drop: &[&str]| held(&words(add), &words(drop));
        assert_eq!(held(&[], &[]).unwrap().len(), 14);
        assert!(held(&["sys_admin"], &[]).unwrap().contains("CAP_SYS_ADMIN"));
        assert!(!held(&[], &["CAP_KILL"]).unwrap().contains("CAP_KILL"));
        assert_eq!(held(&["NET_RAW"], &["ALL"]).unwrap().len(), 1);
        assert_eq!(held(&["all"], &["bpf"]).unwrap().len(), 40);
        assert!(held(&["SYS_ADMN"], &[]).is_err());
    }
}
