//! Filters as text: all three forms print and read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{reading, seccomp::dialects::raw};

fuzz_target!(|text: &[u8]| {
    let read = raw::read_text(text);
    reading::check_strictly(text, &read);
    if let Some(list) = read.value {
        for printed in [raw::print_decimal(&list), raw::print_array(&list)] {
            let back = raw::read_text(printed.as_bytes());
            assert_eq!(back.value.as_ref(), Some(&list), "{printed}");
        }
        let bytes: Vec<u8> = list.iter().flat_map(|one| one.to_bytes()).collect();
        let back = raw::read_bytes(&bytes);
        assert_eq!(back.value, Some(list));
    }
});
