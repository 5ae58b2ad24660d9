//! What a process has used, as /proc tells it.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

pub(crate) struct Usage {
    /// Resident memory, bytes.
    pub(crate) resident: u64,
    /// The part of it that is no file's.
    pub(crate) anonymous: u64,
    /// The most that was resident.
    pub(crate) peak: u64,
    /// Time on a processor, of all threads.
    pub(crate) busy: Duration,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let bytes = |key: &str| -> Result<u64> {
            let rest = status.lines().find_map(|line| line.strip_prefix(key));
            let kib = rest.and_then(|rest| rest.split_whitespace().next());
            Ok(kib.with_context(|| format!("no {key}"))?.parse::<u64>()? * 1024)
        };
        // Nanoseconds, where `stat` has only hundredths of a second.
        let mut busy = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let ns = text
                .split_whitespace()
                .next()
                .context("schedstat is empty")?;
            busy += Duration::from_nanos(ns.parse()?);
        }
        Ok(Self {
            resident: bytes("VmRSS:")?,
            anonymous: bytes("RssAnon:")?,
            peak: bytes("VmHWM:")?,
            busy,
        })
    }
}
