//! Profiles: resolved, and both their meanings compiled and proven equal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{
    filter, meanings, random_profile, reading,
    seccomp::{
        arch::Arch,
        dialects::docker::{
            self,
            resolve::{Circumstances, Resolved, resolve},
        },
    },
};

fuzz_target!(|bytes: &[u8]| {
    let profile = if bytes.starts_with(b"{") {
        docker::read(bytes).value
    } else {
        Some(random_profile::profile(bytes))
    };
    let Some(profile) = profile else { return };
    let seed = filter::seed(bytes);
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let circumstances = Circumstances::usual(arch, reading::KERNEL);
        if let Ok(Resolved::Filter(filter)) = resolve(&profile, &circumstances) {
            meanings::check(&filter.policy, seed);
        }
    }
});
