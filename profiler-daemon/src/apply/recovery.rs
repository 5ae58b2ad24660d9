//! What is to be done about a move that did not come to its end, seen from nothing but which of its
//! containers there are. Pure.
//!
//! One rule carries it: **as long as there is an old container, it goes back.** A move has succeeded
//! at the moment when the old one is renamed to "spent" or "kept", which the engine does as a whole
//! or not at all. Whatever is found, the first thing done is what leads to a running container that
//! bears the name; what is left over is removed after that.

/// A container of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct One {
    /// Its id.
    pub id: String,
    /// It runs, or the engine is about to start it again.
    pub running: bool,
    /// It was started at least once.
    pub was_started: bool,
}

/// The containers of a move that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The one with the container's own name.
    pub bearer: Option<One>,
    /// "…-new".
    pub new: Option<One>,
    /// "…-old".
    pub old: Option<One>,
    /// "…-spent".
    pub spent: Option<One>,
    /// "…-trial".
    pub trial: Option<One>,
    /// The bearer is configured as the old one is, and so was made by a move.
    pub bearer_is_copy: bool,
}

impl Found {
    /// Whether there is anything of a move.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.new.is_none() && self.old.is_none() && self.spent.is_none() && self.trial.is_none()
    }
}

/// Which container of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one with the container's own name.
    Bearer,
    /// "…-new".
    New,
    /// "…-old".
    Old,
    /// "…-spent".
    Spent,
    /// "…-trial".
    Trial,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start it.
    Start(Role),
    /// Stop it, as it is configured to be stopped.
    Stop(Role),
    /// Give it the name of another role.
    Rename(Role, Role),
    /// Remove it, which stops it.
    Remove(Role),
    /// The bearer runs, and yet somebody who died may have asked the engine to stop it: look whether
    /// it goes on running, and only then go on as if it did.
    Await,
    /// Nothing of the move is left.
    Settled,
    /// Not to be decided here: the reason.
    Stuck(Stuck),
}

/// Why it is not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Somebody has made another container of that name since.
    ForeignBearer,
    /// The container was removed by somebody, and what was to take its place never ran.
    Removed,
}

/// The next thing to do. `awaited`: it was looked, for as long as a stop takes, whether the bearer
/// goes on running.
#[must_use]
pub fn next(found: &Found, awaited: bool) -> Next {
    if let Some(old) = &found.old {
        return put_back(found, old);
    }
    let Some(bearer) = &found.bearer else {
        return without_bearer(found);
    };
    if !bearer.running && found.new.is_some() {
        // The old one was stopped, or is back under its name; what holds its ports goes first.
        return match &found.new {
            Some(new) if new.running => Next::Stop(Role::New),
            _ => Next::Start(Role::Bearer),
        };
    }
    // Whoever was killed may have asked for a stop, which the engine goes on with all the same. As
    // long as there is a new container, a bearer that ends is one to be started again.
    if found.new.is_some() && !awaited {
        return Next::Await;
    }
    match found {
        Found { new: Some(new), .. } if new.running => Next::Stop(Role::New),
        Found { new: Some(_), .. } => Next::Remove(Role::New),
        Found { trial: Some(_), .. } => Next::Remove(Role::Trial),
        Found {
            spent: Some(spent), ..
        } if spent.running => Next::Stop(Role::Spent),
        Found { spent: Some(_), .. } => Next::Remove(Role::Spent),
        _ => Next::Settled,
    }
}

/// The way of the old container back to its name.
fn put_back(found: &Found, old: &One) -> Next {
    match &found.bearer {
        None if !old.running && found.new.is_none() => Next::Start(Role::Old),
        None => Next::Rename(Role::Old, Role::Bearer),
        Some(_) if !found.bearer_is_copy => Next::Stuck(Stuck::ForeignBearer),
        // It holds what the old one needs.
        Some(bearer) if bearer.running && !old.running => Next::Stop(Role::Bearer),
        Some(_) if found.new.is_some() => Next::Remove(Role::New),
        Some(_) => Next::Rename(Role::Bearer, Role::New),
    }
}

fn without_bearer(found: &Found) -> Next {
    match found {
        Found {
            spent: Some(spent), ..
        } if spent.running => Next::Rename(Role::Spent, Role::Bearer),
        Found { new: Some(new), .. } if new.was_started => {
            if new.running {
                Next::Rename(Role::New, Role::Bearer)
            } else {
                Next::Start(Role::New)
            }
        }
        // What is left was not in use, but it may be the last that there is: not ours to remove.
        Found { new: Some(_), .. } | Found { spent: Some(_), .. } => Next::Stuck(Stuck::Removed),
        Found { trial: Some(_), .. } => Next::Remove(Role::Trial),
        _ => Next::Settled,
    }
}
