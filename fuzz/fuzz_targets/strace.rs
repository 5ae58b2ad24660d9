//! What strace writes: tables and plain output.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{filter, reading, seccomp::dialects::strace};

fuzz_target!(|text: &[u8]| {
    let read = strace::read(text);
    reading::check_strictly(text, &read);
    if let Some(policy) = &read.value {
        reading::check_policy(policy, filter::seed(text));
    }
});
