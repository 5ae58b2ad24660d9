//! Ring records, from bytes to news. Never imports aya; never panics, whatever the bytes.

use std::mem::MaybeUninit;

use profiler_common::{
    news::{self, CallNews, ExecNews, FilterNews, Header, LifeNews},
    refusal::ERRNO_SIGSYS,
};

use super::clock::BootTime;
use crate::{
    profile::{abi::Abi, call::Call, observation::RefusedWith},
    recording::news::News,
};

/// One record of the ring, or none where it is not of this version's making.
pub(super) fn decode(bytes: &[u8], boot: BootTime) -> Option<News> {
    let header: Header = read(bytes)?;
    if header.len as usize != bytes.len() {
        return None;
    }
    let at_ms = boot.unix_ms(header.time_ns);
    let cgroup = header.cgroup;
    match header.kind {
        news::CALL => {
            let record: CallNews = read(bytes)?;
            let refused = match record.what {
                news::OBSERVED => None,
                news::REFUSED => Some(refused_with(record.errno)),
                news::ARGUMENTS => {
                    return Some(News::Arguments {
                        at_ms,
                        cgroup,
                        call: Call::new(Abi::from_index(record.abi)?, record.nr),
                        values: record.values,
                        last: record.count != 0,
                        pid: record.tgid,
                        session: record.session,
                        exec_id: record.exec_id,
                        comm: text(&record.comm),
                    });
                }
                _ => return None,
            };
            Some(News::Call {
                at_ms,
                cgroup,
                call: Call::new(Abi::from_index(record.abi)?, record.nr),
                refused,
                count: u64::from(record.count),
                pid: record.tgid,
                session: record.session,
                exec_id: record.exec_id,
                comm: text(&record.comm),
            })
        }
        news::EXEC => {
            let record: ExecNews = read(bytes)?;
            let path = record.path.get(..record.path_len as usize)?;
            Some(News::Exec {
                at_ms,
                cgroup,
                exec_id: record.exec_id,
                pid: record.tgid,
                session: record.session,
                begins: record.begins != 0,
                path: text(path),
            })
        }
        news::BORN => Some(News::Born { at_ms, cgroup }),
        news::GONE => Some(News::Gone { at_ms, cgroup }),
        news::FILTER => {
            let record: FilterNews = read(bytes)?;
            Some(News::Filter {
                at_ms,
                cgroup,
                hash: record.hash,
                len: record.len,
                pid: record.tgid,
                by_runtime: record.by_runtime != 0,
            })
        }
        _ => None,
    }
}

/// What an errno of the kernel side stands for.
pub(super) fn refused_with(errno: i32) -> RefusedWith {
    if errno == ERRNO_SIGSYS {
        RefusedWith::Sigsys
    } else {
        RefusedWith::Errno(u16::try_from(errno).unwrap_or(0))
    }
}

/// Bytes up to the first NUL, as text; what is not UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    let bytes = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// A record's fixed part. `T` is one of profiler-common's plain records.
#[expect(unsafe_code, reason = "records are plain bytes, of any alignment")]
fn read<T: Record>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    let mut record = MaybeUninit::<T>::uninit();
    // SAFETY: as many bytes as `T` has are copied over it, and any bytes are a valid `T`
    // (`Record` promises so).
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), record.as_mut_ptr().cast(), bytes.len());
        Some(record.assume_init())
    }
}

/// Made of integers only, without padding.
trait Record {}
impl Record for Header {}
impl Record for CallNews {}
impl Record for ExecNews {}
impl Record for LifeNews {}
impl Record for FilterNews {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{News, decode};
    use crate::{kernel::clock::BootTime, profile::observation::RefusedWith};

    fn call(what: u32, errno: i32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(104_u32.to_le_bytes());
        bytes.extend(5_000_000_u64.to_le_bytes());
        bytes.extend(77_u64.to_le_bytes());
        for word in [2, 125, what, errno as u32, 10, 11, 1, 0] {
            bytes.extend(word.to_le_bytes());
        }
        for word in [9_u64, 0, 0, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(*b"ping\0garbage....");
        bytes
    }

    #[test]
    fn a_refused_call_keeps_its_errno_abi_and_caller() {
        let Some(News::Call {
            cgroup,
            call,
            refused,
            pid,
            comm,
            ..
        }) = decode(&call(1, 38), BootTime::now())
        else {
            panic!("not a call");
        };
        assert_eq!((cgroup, pid, comm.as_str()), (77, 10, "ping"));
        assert_eq!((call.abi.name(), call.nr), ("i386", 125));
        assert_eq!(refused, Some(RefusedWith::Errno(38)));
    }

    #[test]
    fn a_record_of_another_length_or_kind_is_not_guessed_at() {
        let good = call(0, 0);
        assert!(decode(&good, BootTime::now()).is_some());
        assert!(decode(&good[..103], BootTime::now()).is_none());
        let mut unknown = good;
        unknown[0] = 99;
        assert!(decode(&unknown, BootTime::now()).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes, BootTime::now());
        }
    }
}
