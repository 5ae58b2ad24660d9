//! What an engine was asked for when a container was made, as far as it decides the filter.
//!
//! The words are the engine's, not yet resolved: what comes of them is for `audit`.

use serde::{Deserialize, Serialize};

/// Bytes of a profile's text that are held; of a longer one only its length is.
pub const MOST_TEXT: usize = 256 * 1024;

/// What decides a container's filter, in the engine's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The profile that was named.
    pub profile: AskedProfile,
    /// What the engine gives to a container that names none: `default`, `builtin`, `unconfined`
    /// or a path; none when it did not tell.
    pub engine_default: Option<String>,
    /// `--privileged`.
    pub privileged: bool,
    /// `--cap-add`, as it was written.
    pub cap_add: Vec<String>,
    /// `--cap-drop`, as it was written.
    pub cap_drop: Vec<String>,
}

/// The profile that a container's maker named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AskedProfile {
    /// None: the engine's default.
    Default,
    /// The engine's built-in one, by the word `builtin`.
    Builtin,
    /// No filter.
    Unconfined,
    /// A profile of its own.
    Own {
        /// Its text; none if it is longer than [`MOST_TEXT`].
        text: Option<String>,
        /// The length of the text.
        bytes: u64,
    },
}

impl AskedProfile {
    /// From the value of the security option `seccomp=…`, into which the client has put the
    /// profile's text; none where there was no such option.
    #[must_use]
    pub fn of(option: Option<&str>) -> Self {
        match option {
            None | Some("") => Self::Default,
            Some("unconfined") => Self::Unconfined,
            Some("builtin") => Self::Builtin,
            Some(text) => Self::Own {
                text: (text.len() <= MOST_TEXT).then(|| text.to_owned()),
                bytes: text.len() as u64,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AskedProfile, MOST_TEXT};

    #[test]
    fn a_text_that_is_too_long_is_not_held() {
        let own = |length: usize| AskedProfile::of(Some(&"x".repeat(length)));
        let held = |length| matches!(own(length), AskedProfile::Own { text: Some(_), .. });
        assert!(held(MOST_TEXT) && !held(MOST_TEXT + 1));
        assert_eq!(AskedProfile::of(None), AskedProfile::Default);
        assert_eq!(
            AskedProfile::of(Some("unconfined")),
            AskedProfile::Unconfined
        );
        assert_eq!(AskedProfile::of(Some("builtin")), AskedProfile::Builtin);
    }
}
