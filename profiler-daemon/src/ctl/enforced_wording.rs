//! What is said of a profile that is enforced on a container: what stands in the way of a start, and
//! whether what was loaded is what the profile says.
//!
//! Pure: nothing here asks or prints.

use serde_json::{Value, json};

use super::printable::printable;
use crate::{
    seccomp::preflight::{Effect, Obstacle},
    trial::proof::Proof,
};

/// `starts fail: runc 1.3.6 cannot start a container without these calls: statx`
pub(super) fn obstacle_told(obstacle: &Obstacle) -> String {
    let gravity = match obstacle.effect {
        Effect::Fails => "starts fail",
        Effect::MayFail => "starts may fail",
        Effect::ByChance => "some starts fail",
    };
    let calls = if obstacle.calls.is_empty() {
        String::new()
    } else {
        format!(": {}", obstacle.calls.join(" "))
    };
    format!("{gravity}: {}{calls}", obstacle.what)
}

/// What is known of the filter that was loaded.
pub(super) fn filter(proof: Option<&Proof>) -> String {
    match proof {
        None => "none was loaded".to_owned(),
        Some(Proof::Unknown(why)) => format!("not compared: {}", printable(why)),
        Some(Proof::Read { told, findings }) => {
            let what = if findings.is_empty() {
                "proven to be what the profile says"
            } else if findings.iter().any(|finding| finding.loosens) {
                "lets through more than the profile says, see below"
            } else {
                "lets through nothing more than the profile says, but is not the same"
            };
            format!("{what} ({})", printable(told))
        }
    }
}

/// The same with stable keys.
pub(super) fn filter_value(proof: &Proof) -> Value {
    match proof {
        Proof::Read { told, findings } => {
            json!({"read": true, "told": told, "findings": findings})
        }
        Proof::Unknown(why) => json!({"read": false, "told": why, "findings": []}),
    }
}
