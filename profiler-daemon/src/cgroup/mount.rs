//! Where the cgroup v2 hierarchy is mounted. Reads `/proc/self/mountinfo`; mounts nothing.

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use thiserror::Error;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// Why there is no cgroup v2 tree to read.
#[derive(Debug, Error)]
pub enum MountError {
    /// The list of mounts can't be read.
    #[error("reading {MOUNTINFO}: {0}; is /proc mounted?")]
    Mountinfo(#[source] io::Error),
    /// No cgroup v2 hierarchy.
    #[error(
        "no cgroup v2 hierarchy is mounted, and without one a system call can't be told from \
         another container's; mount it (`mount -t cgroup2 none /sys/fs/cgroup/unified`), or boot \
         with systemd.unified_cgroup_hierarchy=1"
    )]
    Absent,
}

/// Finds the mount point of the cgroup v2 hierarchy: `/sys/fs/cgroup` on most hosts,
/// `/sys/fs/cgroup/unified` on those that keep version 1 beside it.
///
/// # Errors
/// When the mounts can't be read, or none of them is cgroup v2.
pub fn find() -> Result<PathBuf, MountError> {
    let mountinfo = std::fs::read(MOUNTINFO).map_err(MountError::Mountinfo)?;
    parse(&mountinfo).ok_or(MountError::Absent)
}

/// The mount point that a `mountinfo` file gives for cgroup v2, if it gives one.
///
/// A mount of the whole hierarchy is preferred to one of a part of it (a bind mount into a
/// container), and then the shortest path, whose owner is the system and not a container.
#[must_use]
pub fn parse(mountinfo: &[u8]) -> Option<PathBuf> {
    mountinfo
        .split(|&byte| byte == b'\n')
        .filter_map(cgroup2_mount)
        .min_by_key(|(root, point)| (root != Path::new("/"), point.as_os_str().len()))
        .map(|(_, point)| point)
}

/// The part of the hierarchy that a line mounts, and where; none for other file systems.
fn cgroup2_mount(line: &[u8]) -> Option<(PathBuf, PathBuf)> {
    let mut fields = line.split(|&byte| byte == b' ');
    // id, parent, device; then the root in the file system and the mount point.
    let root = fields.nth(3)?;
    let point = fields.next()?;
    // Options and optional fields, ended by a dash; then the file system's type.
    fields.find(|field| *field == b"-")?;
    (fields.next()? == b"cgroup2").then(|| (unescape(root), unescape(point)))
}

/// Undoes the kernel's octal escapes: it writes space, tab, newline and backslash as `\ooo`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'\\').then(|| after.first_chunk::<3>().and_then(octal));
        if let Some(Some(byte)) = escaped {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    let value = digits.iter().try_fold(0_u32, |value, &digit| {
        matches!(digit, b'0'..=b'7').then(|| value * 8 + u32::from(digit - b'0'))
    })?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
24 1 0:22 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 24 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 30 0:36 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const UNIFIED: &str =
        "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn both_usual_places_are_found() {
        assert_eq!(
            parse(HYBRID.as_bytes()).as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified"))
        );
        assert_eq!(
            parse(UNIFIED.as_bytes()).as_deref(),
            Some(Path::new("/sys/fs/cgroup"))
        );
    }

    #[test]
    fn the_whole_tree_is_preferred_to_a_part_and_to_copies() {
        let text = format!(
            "50 1 0:26 /docker/x /c rw - cgroup2 cgroup rw\n\
             51 1 0:26 / /var/lib/machines/a/sys/fs/cgroup rw - cgroup2 cgroup rw\n{UNIFIED}"
        );
        assert_eq!(
            parse(text.as_bytes()).as_deref(),
            Some(Path::new("/sys/fs/cgroup"))
        );
        let part = b"50 1 0:26 /docker/x /c rw - cgroup2 cgroup rw";
        assert_eq!(parse(part).as_deref(), Some(Path::new("/c")));
    }

    #[test]
    fn escapes_are_undone() {
        let text = br"50 1 0:26 / /a\040b\134c\011d\x\9 rw - cgroup2 cgroup rw";
        assert_eq!(parse(text).as_deref(), Some(Path::new("/a b\\c\td\\x\\9")));
    }

    #[test]
    fn no_cgroup2_is_none_and_broken_lines_are_passed_over() {
        assert_eq!(parse(b""), None);
        assert_eq!(
            parse(b"31 30 0:27 / /sys rw - cgroup cgroup rw\n\ncgroup2\n1 2 3 / /x rw - "),
            None
        );
        // A device that is named like the type is not the type.
        assert_eq!(parse(b"31 30 0:27 / /x rw - ext4 cgroup2 rw"), None);
        assert!(
            MountError::Absent
                .to_string()
                .starts_with("no cgroup v2 hierarchy is mounted")
        );
    }
}
