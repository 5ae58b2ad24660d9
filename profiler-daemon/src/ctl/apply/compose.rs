//! The files that put a profile into force for a service of a Compose project.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::wanted::Wanted;
use crate::{
    apply::{
        compose::{self, OVERRIDE},
        facts::Compose,
    },
    ctl::{
        delivery::write_whole,
        exit::{ExitStatus, Failure},
    },
};

/// What was written, or would be.
#[derive(Debug)]
pub(super) struct Written {
    /// The files.
    pub files: Vec<String>,
    /// What puts them into force.
    pub command: String,
}

/// Writes the profile and the override file beside the project's own files.
pub(super) fn write(
    project: &Compose,
    wanted: &Wanted,
    only_say: bool,
) -> Result<Written, Failure> {
    let bad = |message: String| Failure::new(ExitStatus::BadInput, message);
    let folder = PathBuf::from(&project.folder);
    if !folder.is_absolute() || !folder.is_dir() {
        return Err(bad(format!(
            "{}: the folder of the Compose project, {:?}, is not on this machine; write the profile \
             with `profilectl export` and name it under security_opt",
            project.service, project.folder
        )));
    }
    let profile = folder.join(compose::profile_file(&project.service));
    let over = folder.join(OVERRIDE);
    let before = read(&over).map_err(|error| bad(unreadable(&over, &error)))?;
    let first = compose::files(project)
        .into_iter()
        .next()
        .unwrap_or_default();
    // Only its version is of interest, and Compose 2 asks for none.
    let version = read(Path::new(&first))
        .ok()
        .flatten()
        .as_deref()
        .and_then(compose::version);
    let text = compose::override_text(
        before.as_deref(),
        version.as_deref(),
        &project.service,
        &profile.display().to_string(),
    )
    .map_err(|error| bad(format!("{}: {error}", over.display())))?;
    if !only_say {
        // The profile first: an override that names no file would keep the service from starting.
        for (path, text) in [(&profile, format!("{}\n", wanted.text)), (&over, text)] {
            write_whole(path, text.as_bytes())
                .map_err(|error| bad(format!("cannot write {}: {error}", path.display())))?;
        }
    }
    Ok(Written {
        files: vec![profile.display().to_string(), over.display().to_string()],
        command: compose::command(project),
    })
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}
