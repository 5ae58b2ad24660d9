//! A configuration of a daemon in a hurry.

#![allow(clippy::expect_used, reason = "a test ends where its ground gives way")]

use std::{fs, path::Path};

/// Writes one by which a version is made a second after the last new call; its path.
pub(crate) fn hasty(folder: &Path) -> String {
    let file = folder.join("toml");
    fs::write(&file, "[versions]\nquiet_s = 1\n").expect("a configuration");
    file.display().to_string()
}
