//! systemd's units and bare lines: read on two machines, printed in every dialect, read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{
    reading,
    seccomp::{arch::Arch, dialects::systemd},
};

fuzz_target!(|text: &[u8]| {
    for native in [Arch::X86_64, Arch::Aarch64] {
        let read = systemd::read(text, native);
        reading::check_strictly(text, &read);
        if let Some(policy) = &read.value {
            reading::check_policy(policy);
        }
    }
});
