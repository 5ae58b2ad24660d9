//! The kernel programs: one hook a file, one file for maps, one for emitting.
//!
//! Two objects are made of this crate. The plain one uses BTF tracepoints and
//! task storage; with the feature `classic` it uses classic tracepoints and a
//! hash map, for kernels without BTF. What is recorded, and when, is the same
//! code in both.
#![no_std]
#![no_main]
#![feature(adt_const_params, core_intrinsics)]
#![allow(
    internal_features,
    incomplete_features,
    reason = "atomics: see atomic.rs"
)]
#![allow(
    unsafe_op_in_unsafe_fn,
    reason = "every line here works on pointers that the verifier, not rustc, proves"
)]

mod arguments;
mod atomic;
mod emit;
mod filter;
mod globals;
mod hooks;
mod maps;
mod observe;
mod origin;
mod refuse;
mod slot;
mod task;
#[cfg(not(feature = "classic"))]
mod typed;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here may panic: the verifier refuses a program in which this loop can be reached.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
