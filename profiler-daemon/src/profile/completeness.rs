//! Whether an observation may be taken for all that a container needs.

use serde::{Deserialize, Serialize};

/// A reason not to call an observation complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// A stable word: `start_not_seen`, `stop_not_seen`, `calls_lost`, `calls_refused`,
    /// `still_discovering`, `no_program`, `not_recorded`, `unknown_numbers`.
    pub code: String,
    /// One sentence for a person, with what to do about it.
    pub text: String,
}

/// The verdict, with its reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// No shortfall.
    pub complete: bool,
    /// Why not.
    pub shortfalls: Vec<Shortfall>,
    /// Seconds since a call was last seen for the first time.
    pub quiet_s: Option<u64>,
    /// Calls that could not be recorded while this container lived.
    pub lost_calls: u64,
}
