//! LXC's two versions: read for some machine, printed in every dialect, read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{filter, reading, seccomp::dialects::lxc};

fuzz_target!(|text: &[u8]| {
    let read = lxc::read(text, reading::native(text));
    reading::check_strictly(text, &read);
    if let Some(policy) = &read.value {
        reading::check_policy(policy, filter::seed(text));
    }
});
