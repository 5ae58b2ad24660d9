//! Which system call table a number belongs to.

/// Number of ABIs of the architecture.
pub const ABIS: usize = 3;
/// 64-bit calls.
pub const X86_64: u32 = 0;
/// 64-bit calls with 32-bit pointers: bit 30 of the number is set.
pub const X32: u32 = 1;
/// 32-bit calls: `int 0x80` and `sysenter`, from 64-bit code as well.
pub const I386: u32 = 2;

/// The bit that marks an x32 call's number in the kernel's registers.
pub const X32_BIT: u64 = 1 << 30;

/// Numbers from here on are in no table: they are counted, not recorded.
pub const CALL_LIMIT: u32 = 640;
/// 64-bit words of one ABI's set.
pub const WORDS: usize = (CALL_LIMIT / 64) as usize;
