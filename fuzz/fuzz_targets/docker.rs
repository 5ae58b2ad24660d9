//! Docker's and podman's JSON: read, printed, read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{reading, seccomp::dialects::docker};

fuzz_target!(|text: &[u8]| {
    let read = docker::read(text);
    reading::check(text, &read);
    if let Some(profile) = &read.value {
        reading::check_profile(text, profile);
    }
});
