//! Where a written profile goes: standard output, or a file that is there whole or not at all.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    exit::{ExitStatus, Failure},
    terminal::Terminal,
};

/// Writes the text to a file, or to standard output when there is none or it is `-`.
pub(super) fn deliver(
    text: &str,
    output: Option<&Path>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    deliver_bytes(text.as_bytes(), output, terminal)
}

/// As [`deliver`], for what need not be text.
pub(super) fn deliver_bytes(
    bytes: &[u8],
    output: Option<&Path>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    match output {
        None => terminal.print_bytes(bytes),
        Some(path) if path == Path::new("-") => terminal.print_bytes(bytes),
        Some(path) => write_whole(path, bytes).map_err(|error| {
            Failure::new(
                ExitStatus::BadInput,
                format!("cannot write {}: {error}", path.display()),
            )
        }),
    }
}

/// Readers see the old content or the new, never a part; what is no regular file is written to in
/// place, for replacing `/dev/null` would be a disaster.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(io::Error::other("it is a directory; name a file in it"));
        }
        Ok(found) if !found.is_file() => {
            return OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        // A link stays, and what it points to is replaced.
        Ok(_) => fs::canonicalize(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let Some(name) = target.file_name() else {
        return Err(io::Error::other("it names no file"));
    };
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut draft_name = std::ffi::OsString::from(".");
    draft_name.push(name);
    draft_name.push(format!(".{}.part", std::process::id()));
    let draft = directory.join(draft_name);
    let written = write_draft(&draft, bytes).and_then(|()| fs::rename(&draft, &target));
    if written.is_err() {
        // The first error is the news; a draft that was never made cannot be removed.
        let _ = fs::remove_file(&draft);
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(draft)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::write_whole;

    #[test]
    fn a_file_is_replaced_and_a_link_followed() {
        let room = tempfile::tempdir().unwrap();
        let (file, link) = (room.path().join("web.json"), room.path().join("link"));
        write_whole(&file, b"one\n").unwrap();
        std::os::unix::fs::symlink("web.json", &link).unwrap();
        write_whole(&link, b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two\n");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 2);
        write_whole("/dev/null".as_ref(), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(write_whole(room.path(), b"x").is_err());
    }
}
