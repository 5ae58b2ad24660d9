//! The two ways into the kernel from 64-bit code, without a libc between.

use core::arch::asm;

/// Makes a call by `syscall`: x86_64, or x32 if bit 30 is set. Returns what the kernel left in `rax`.
///
/// # Safety
/// The caller answers for what the call does.
pub(super) unsafe fn syscall(nr: u32, args: &[u64; 6]) -> i64 {
    let result;
    // SAFETY: the registers that the kernel changes are named: rax, rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") i64::from(nr) => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Makes a call by `int 0x80`: i386. The upper halves of the arguments do not get through.
///
/// # Safety
/// The caller answers for what the call does.
pub(super) unsafe fn int80(nr: u32, args: &[u64; 6]) -> i64 {
    let result: u64;
    // SAFETY: rbx and rbp, which the compiler keeps to itself, are put back; they lie in registers meanwhile, for the
    // stack may be addressed by rbp. r8 to r11 are lost on older kernels.
    unsafe {
        asm!(
            "mov r14, rbx",
            "mov r15, rbp",
            "mov ebx, dword ptr [r13]",
            "mov ecx, dword ptr [r13 + 8]",
            "mov edx, dword ptr [r13 + 16]",
            "mov esi, dword ptr [r13 + 24]",
            "mov edi, dword ptr [r13 + 32]",
            "mov ebp, dword ptr [r13 + 40]",
            "int 0x80",
            "mov rbx, r14",
            "mov rbp, r15",
            inlateout("rax") u64::from(nr) => result,
            in("r13") args.as_ptr(),
            out("r14") _,
            out("r15") _,
            out("rcx") _,
            out("rdx") _,
            out("rsi") _,
            out("rdi") _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    // The kernel may or may not extend the sign of a 32-bit result.
    let low = u32::try_from(result & 0xffff_ffff).unwrap_or_default();
    i64::from(low.cast_signed())
}
