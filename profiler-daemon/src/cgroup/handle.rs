//! Opening a cgroup by its id alone. Owns the one system call that no safe library wraps.

#![expect(
    unsafe_code,
    reason = "open_by_handle_at has no safe wrapper in rustix or std"
)]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// `FILEID_KERNFS`: the kind of file handle that holds a kernfs id and nothing else.
const FILEID_KERNFS: libc::c_int = 0xfe;

/// `struct file_handle` with room for the id.
#[repr(C)]
struct KernfsHandle {
    handle_bytes: libc::c_uint,
    handle_type: libc::c_int,
    id: [u8; 8],
}

/// Opens the cgroup of that id, for its path only, in the hierarchy that `mount` lies in.
///
/// # Errors
/// `ESTALE` when there is no such cgroup (any more), `EPERM` without `CAP_DAC_READ_SEARCH`,
/// `EOPNOTSUPP` or `ESTALE` when `mount` is not in a cgroup file system.
pub fn open(mount: BorrowedFd<'_>, id: u64) -> io::Result<OwnedFd> {
    let mut handle = KernfsHandle {
        handle_bytes: 8,
        handle_type: FILEID_KERNFS,
        id: id.to_ne_bytes(),
    };
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: `handle` has the layout of `struct file_handle` followed by the `handle_bytes`
    // bytes that it announces; it outlives the call, and the kernel only reads it.
    let fd = unsafe {
        libc::open_by_handle_at(
            mount.as_raw_fd(),
            (&raw mut handle).cast::<libc::file_handle>(),
            flags,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so `fd` is open and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
