//! Reads a string from another process, and no more of it than a path can be.
//!
//! What is read was true when it was read: another thread may write there before the kernel looks.

use std::fs;

/// Bytes of a path at most, its end included. Source: include/uapi/linux/limits.h, `PATH_MAX`.
const MOST_BYTES: usize = 4096;

/// Bytes that are read at once: never across the end of a page, so that what can be read is.
const PAGE: u64 = 4096;

/// The string at an address of a thread's memory; nothing if it cannot be read, or does not end
/// where a path must.
pub(super) fn string_at(thread: u32, address: u64) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < MOST_BYTES {
        let from = address.checked_add(bytes.len() as u64)?;
        let room = (PAGE - from % PAGE) as usize;
        let mut part = vec![0; room.min(MOST_BYTES - bytes.len())];
        let read = read(thread, from, &mut part)?;
        let part = part.get(..read).filter(|part| !part.is_empty())?;
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            bytes.extend(part.get(..end)?);
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        bytes.extend(part);
    }
    None
}

#[expect(unsafe_code, reason = "the kernel writes into a buffer of ours")]
fn read(thread: u32, address: u64, into: &mut [u8]) -> Option<usize> {
    let ours = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let theirs = libc::iovec {
        iov_base: usize::try_from(address).ok()? as *mut libc::c_void,
        iov_len: into.len(),
    };
    let thread = libc::pid_t::try_from(thread).ok()?;
    // SAFETY: `ours` is a buffer that is written to nowhere else; `theirs` is in another process,
    // and the kernel checks it.
    let read = unsafe { libc::process_vm_readv(thread, &ours, 1, &theirs, 1, 0) };
    usize::try_from(read).ok()
}

/// The file that a thread executes; nothing if it cannot be asked for.
pub(super) fn executable(thread: u32) -> Option<String> {
    fs::read_link(format!("/proc/{thread}/exe"))
        .ok()
        .map(|path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::string_at;

    #[test]
    fn strings_end_or_are_not_told() {
        let own = std::process::id();
        let short = c"/etc/passwd";
        assert_eq!(
            string_at(own, short.as_ptr() as u64).as_deref(),
            Some("/etc/passwd")
        );
        let long = vec![b'x'; 9000];
        assert_eq!(string_at(own, long.as_ptr() as u64), None);
        for address in [0, 1, u64::MAX, u64::MAX - 5000, 1 << 63] {
            assert_eq!(string_at(own, address), None);
        }
    }
}
