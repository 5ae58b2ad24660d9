//! `profilectl`: a file a verb. Talks to the daemon through `api::client` only.
