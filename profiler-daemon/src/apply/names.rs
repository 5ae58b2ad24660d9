//! The names under which the containers of a move are found again. Pure.
//!
//! They are all that tells how far a move came: nothing else is written down, so nothing else can be
//! lost or out of date.

/// Part of every name that is given here.
const MARK: &str = ".profilectl-";

/// The names of one container's move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The container's own.
    pub bearer: String,
}

impl Names {
    /// Those for a container of this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self {
            bearer: name.trim_start_matches('/').to_owned(),
        }
    }

    /// A container under the profile, beside the one that works.
    #[must_use]
    pub fn trial(&self) -> String {
        self.with("trial")
    }

    /// The container to come, before it has the name.
    #[must_use]
    pub fn coming(&self) -> String {
        self.with("new")
    }

    /// The container that was there, as long as it may have to come back.
    #[must_use]
    pub fn old(&self) -> String {
        self.with("old")
    }

    /// The container that was there, once the other one has proven itself.
    #[must_use]
    pub fn spent(&self) -> String {
        self.with("spent")
    }

    /// The container that was there, kept on request. Several may be kept, so its id is in it.
    #[must_use]
    pub fn kept(&self, id: &str) -> String {
        self.with(&format!("kept-{}", id.get(..12).unwrap_or(id)))
    }

    /// Whether a name is one of those that a move gives, which no move may begin with.
    #[must_use]
    pub fn is_given(name: &str) -> bool {
        name.contains(MARK)
    }

    fn with(&self, role: &str) -> String {
        format!("{}{MARK}{role}", self.bearer)
    }
}
