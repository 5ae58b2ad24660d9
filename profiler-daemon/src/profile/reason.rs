//! Why a call is in a profile. Owns the words, not the rules: those are in `compose`.

use serde::{Deserialize, Serialize};

/// Why a call is in a profile; the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The container's own programs made it.
    Observed,
    /// The runtime makes it under the filter, before the program: seen on this host.
    RuntimeSeen,
    /// As before: from the table of what runtimes are known to call.
    RuntimeTable,
    /// The kernel makes it on a program's behalf.
    Kernel,
    /// It only ever answered ENOSYS: kept so that the libc falls back.
    Probe,
    /// The active filter answered it with ENOSYS: kept so that the libc falls back.
    KeptEnosys,
    /// libcs probe for it; not seen here; answered ENOSYS so that they fall back.
    LibcProbe,
    /// Refused so far; allowed on request.
    IncludedRefused,
}
