//! Filters of any code: interpreter, diagram, summary and compiler agree on all calls.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{filter, seccomp::filter::program::Program};

fuzz_target!(|bytes: &[u8]| {
    let program = Program::from_bytes(bytes)
        .ok()
        .or_else(|| filter::mended(bytes));
    if let Some(program) = program {
        filter::check(&program, filter::seed(bytes));
    }
});
