//! The OCI form, alone and within a configuration.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{reading, seccomp::dialects::oci};

fuzz_target!(|text: &[u8]| {
    let read = oci::read(text);
    reading::check(text, &read);
    if let Some(profile) = &read.value {
        reading::check_profile(text, profile);
    }
});
