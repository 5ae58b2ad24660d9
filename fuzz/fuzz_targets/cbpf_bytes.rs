//! Filters as bytes: two readers agree, and print what they read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{
    reading,
    seccomp::{
        dialects::raw,
        filter::{disassemble::disassemble, program::Program},
    },
};

fuzz_target!(|bytes: &[u8]| {
    let read = raw::read_bytes(bytes);
    reading::check_strictly(&[], &read);
    if let Some(list) = &read.value {
        let printed: Vec<u8> = list.iter().flat_map(|one| one.to_bytes()).collect();
        assert_eq!(printed, bytes);
    }
    if let Ok(program) = Program::from_bytes(bytes) {
        assert!(read.value.is_some(), "the kernel would take it");
        assert_eq!(program.to_bytes(), bytes);
        assert_eq!(
            disassemble(&program).lines().count(),
            program.instructions().len()
        );
    }
});
