//! One audit record of a logged call, as the kernel writes it: a line of `key=value`.
//!
//! Takes any bytes. What a container chose (`comm`, `exe`) cannot pass for another key: the kernel
//! writes it in hexadecimal when it holds a quote, a space or anything odd.

use profiler_common::abi;

use crate::profile::{abi::Abi, call::Call};

/// `AUDIT_SECCOMP`.
const SECCOMP: u16 = 1326;
/// Bytes of a netlink message's header.
const HEADER: usize = 16;
/// What a filter returns to have a call logged; the low half is its own.
const LOG: u32 = 0x7ffc_0000;
/// Audit numbers of this machine's tables.
const AUDIT_X86_64: u32 = 0xc000_003e;
const AUDIT_I386: u32 = 0x4000_0003;
/// Marks x32's numbers.
const X32_BIT: u32 = abi::X32_BIT as u32;

/// A call that was let through, and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Milliseconds since the Unix epoch.
    pub(super) at_ms: u64,
    pub(super) call: Call,
    /// The process, in the host's numbering.
    pub(super) pid: u32,
    pub(super) exe: Option<String>,
    pub(super) comm: String,
}

/// The record in a netlink message; none if it is another one, or of a call that was refused.
pub(super) fn parse(message: &[u8]) -> Option<Record> {
    // The length in the header is the payload's on some kernels: what was received counts.
    let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    if kind != SECCOMP {
        return None;
    }
    let line = String::from_utf8_lossy(message.get(HEADER..)?);
    let line = line.trim_end_matches(['\0', '\n']);
    let (stamp, fields) = line.strip_prefix("audit(")?.split_once("): ")?;
    let field = |name: &str| {
        let mut words = fields.split(' ');
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let hexadecimal = |text: &str| u32::from_str_radix(text, 16).ok();
    let code = hexadecimal(field("code")?.strip_prefix("0x")?)?;
    if code & 0xffff_0000 != LOG {
        return None;
    }
    // A number that is none is written as a signed one.
    let number = field("syscall")?.parse::<i64>().ok()? as u32;
    let call = match hexadecimal(field("arch")?)? {
        AUDIT_X86_64 if number & X32_BIT != 0 => Call::new(Abi::X32, number & !X32_BIT),
        AUDIT_X86_64 => Call::new(Abi::X86_64, number),
        AUDIT_I386 => Call::new(Abi::I386, number),
        _ => return None,
    };
    Some(Record {
        at_ms: milliseconds(stamp)?,
        call,
        pid: field("pid")?.parse().ok()?,
        exe: field("exe").map(untrusted),
        comm: field("comm").map(untrusted).unwrap_or_default(),
    })
}

/// Of `1795315561.542:5797`.
fn milliseconds(stamp: &str) -> Option<u64> {
    let (time, _) = stamp.split_once(':')?;
    let (seconds, thousandths) = time.split_once('.')?;
    seconds
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(thousandths.parse::<u64>().ok()?)
}

/// Text in quotes, or in hexadecimal without them; `(null)` and the like as they are.
fn untrusted(text: &str) -> String {
    if let Some(plain) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        return plain.to_owned();
    }
    let digits = text.as_bytes();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    match bytes {
        Some(bytes) if digits.len().is_multiple_of(2) => {
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, parse};
    use crate::profile::{abi::Abi, call::Call};

    fn message(kind: u16, text: &str) -> Vec<u8> {
        let mut bytes = 200_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(text.as_bytes());
        bytes
    }

    fn line(rest: &str) -> Vec<u8> {
        message(
            1326,
            &format!(
                "audit(1795315561.542:5797): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=31595 {rest}"
            ),
        )
    }

    #[test]
    fn a_logged_call_is_read() {
        let found = parse(&line(
            "comm=\"t\" exe=\"/bin/t\" sig=0 arch=c000003e syscall=39 compat=0 ip=0x7fa7 code=0x7ffc0000",
        ));
        let wanted = Record {
            at_ms: 1_795_315_561_542,
            call: Call::new(Abi::X86_64, 39),
            pid: 31595,
            exe: Some("/bin/t".into()),
            comm: "t".into(),
        };
        assert_eq!(found, Some(wanted));
    }

    #[test]
    fn abis_are_told_apart() {
        for (arch, number, call) in [
            ("c000003e", "1073741863", Call::new(Abi::X32, 39)),
            ("40000003", "20", Call::new(Abi::I386, 20)),
            ("c000003e", "-1", Call::new(Abi::X32, 0xbfff_ffff)),
        ] {
            let text = format!(
                "comm=\"t\" exe=\"/t\" sig=0 arch={arch} syscall={number} compat=0 ip=0x0 code=0x7ffc0000"
            );
            assert_eq!(parse(&line(&text)).map(|record| record.call), Some(call));
        }
    }

    #[test]
    fn names_that_a_container_chose_stay_names() {
        let tail = "sig=0 arch=c000003e syscall=39 compat=0 ip=0x0 code=0x7ffc0000";
        let text = format!("comm=7069643D31207300 exe=(null) {tail}");
        let record = parse(&line(&text)).unwrap();
        assert_eq!((record.comm.as_str(), record.pid), ("pid=1 s\0", 31595));
        assert_eq!(record.exe.as_deref(), Some("(null)"));
    }

    #[test]
    fn refusals_other_records_and_noise_are_passed_over() {
        let refused =
            "comm=\"t\" exe=\"/t\" sig=31 arch=c000003e syscall=100 compat=0 ip=0x0 code=";
        for code in ["0x80000000", "0x0", "0x30000", "0x50001", "0x7fff0000"] {
            assert_eq!(parse(&line(&format!("{refused}{code}"))), None);
        }
        let logged = line(&format!("{refused}0x7ffc0007"));
        assert!(parse(&logged).is_some(), "the low half is the filter's own");
        for end in 0..logged.len() {
            drop(parse(&logged[..end]));
        }
        assert_eq!(parse(&message(1300, "audit(1.0:1): code=0x7ffc0000")), None);
        assert_eq!(parse(&message(1326, "\u{fffd}audit(")), None);
    }
}
