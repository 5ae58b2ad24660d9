//! The widths of arguments, asked of the running kernel: by calls whose upper halves must not matter, and by its own
//! declarations where tracefs shows them.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::panic, reason = "a test ends where its ground gives way")]
#![allow(
    unsafe_code,
    reason = "system calls with arguments that no wrapper passes"
)]

use std::{collections::BTreeMap, os::fd::AsRawFd, process::Command};

use profiler_daemon::seccomp::{arch::Arch, facts::width::is_32_bit};

/// Makes a call, and gives its result or its errno.
fn call(nr: libc::c_long, args: [u64; 6]) -> Result<i64, i32> {
    // SAFETY: every call below is one that changes nothing but what the test itself made.
    let result = unsafe { libc::syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]) };
    if result == -1 {
        Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        Ok(result)
    }
}

/// The call succeeds with high bits in its narrow arguments, and `expected` says whether it does with high bits in
/// the others.
fn check(name: &str, nr: libc::c_long, args: &[u64], changed_by_high_bits: &[u8]) {
    const HIGH: u64 = 0x5a << 32;
    let mut plain = [0; 6];
    plain[..args.len()].copy_from_slice(args);
    let outcome = call(nr, plain);
    assert!(outcome.is_ok(), "{name} {args:x?}: {outcome:?}");
    let of = |index: usize| {
        let mut changed = plain;
        changed[index] |= HIGH;
        call(nr, changed)
    };
    for index in 0..args.len() {
        let narrow = is_32_bit(Arch::X86_64, name, index as u8);
        let opens = ["socket", "openat", "dup", "eventfd2"].contains(&name);
        if narrow && opens {
            assert!(of(index).is_ok(), "{name}, argument {index}");
        } else if narrow {
            assert_eq!(of(index), outcome, "{name}, argument {index}");
        }
        if changed_by_high_bits.contains(&(index as u8)) {
            assert!(!narrow, "{name}, argument {index}");
            assert_ne!(of(index), outcome, "{name}, argument {index}");
        }
    }
}

#[test]
fn the_kernel_drops_the_upper_half_where_the_table_says_so() {
    let file = tempfile::tempfile().unwrap();
    let fd = file.as_raw_fd() as u64;
    let mut number = 0u64;
    let pointer = (&raw mut number) as u64;
    let path = c"/".as_ptr() as u64;
    let here = libc::AT_FDCWD as u32 as u64;
    let me = u64::from(std::process::id());
    check("socket", libc::SYS_socket, &[1, 1, 0], &[]);
    check("openat", libc::SYS_openat, &[here, path, 0, 0], &[1]);
    check("dup", libc::SYS_dup, &[fd], &[]);
    check("eventfd2", libc::SYS_eventfd2, &[3, 0], &[]);
    check("ioctl", libc::SYS_ioctl, &[fd, 0x541b, pointer], &[2]);
    check("fcntl", libc::SYS_fcntl, &[fd, 1, 0], &[]);
    check("lseek", libc::SYS_lseek, &[fd, 16, 0], &[1]);
    check("ftruncate", libc::SYS_ftruncate, &[fd, 16], &[]);
    check("prctl", libc::SYS_prctl, &[3, 0, 0, 0, 0], &[]);
    check("personality", libc::SYS_personality, &[0xffff_ffff], &[]);
    check("kill", libc::SYS_kill, &[me, 0], &[]);
    check("getpriority", libc::SYS_getpriority, &[0, 0], &[]);
    check("unshare", libc::SYS_unshare, &[0], &[0]);
    check("getrandom", libc::SYS_getrandom, &[pointer, 4, 0], &[0]);
    check("membarrier", libc::SYS_membarrier, &[0, 0, 0], &[]);
}

#[test]
fn the_kernel_reads_half_of_clones_flags_though_it_declares_a_long() {
    assert!(is_32_bit(Arch::X86_64, "clone", 0));
    // SAFETY: a fork without a libc's doings; the child ends at once.
    let child = unsafe {
        libc::syscall(
            libc::SYS_clone,
            1u64 << 40 | libc::SIGCHLD as u64,
            0u64,
            0u64,
            0u64,
            0u64,
        )
    };
    if child == 0 {
        // SAFETY: async-signal-safe, and the child's only call.
        unsafe { libc::_exit(0) };
    }
    assert!(child > 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the child is ours and not waited for elsewhere.
    unsafe { libc::waitpid(child as i32, std::ptr::null_mut(), 0) };
}

/// Types of one word's half, and those of a whole word, as `SYSCALL_DEFINE` has them.
fn is_half(declared: &str) -> bool {
    let bare = declared.trim_start_matches("const ");
    if declared.contains('*') {
        return false;
    }
    match bare {
        "int"
        | "unsigned int"
        | "unsigned"
        | "u32"
        | "__u32"
        | "__s32"
        | "pid_t"
        | "uid_t"
        | "gid_t"
        | "qid_t"
        | "umode_t"
        | "clockid_t"
        | "timer_t"
        | "mqd_t"
        | "key_t"
        | "key_serial_t"
        | "rwf_t"
        | "enum landlock_rule_type" => true,
        "unsigned long" | "long" | "size_t" | "loff_t" | "off_t" | "aio_context_t" | "u64"
        | "__u64" | "cap_user_header_t" | "cap_user_data_t" => false,
        _ => panic!("a type of no known width: {declared}"),
    }
}

/// Each call's declared types, by the name it has in a filter; nothing if tracefs can't be had.
fn declared() -> Option<BTreeMap<String, Vec<String>>> {
    // In a mount namespace of its own, so that the host's mounts stay as they are.
    let script = "mount -t tracefs tracefs /sys/kernel/tracing && cd /sys/kernel/tracing/events/syscalls && \
                  grep -H field: sys_enter_*/format";
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut calls: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let (file, field) = line.split_once("/format:")?;
        let name = match file.strip_prefix("sys_enter_")? {
            "newfstat" => "fstat",
            "newlstat" => "lstat",
            "newstat" => "stat",
            "newuname" => "uname",
            "sendfile64" => "sendfile",
            "umount" => "umount2",
            other => other,
        };
        let types = calls.entry(name.to_owned()).or_default();
        let (declaration, _) = field.trim().strip_prefix("field:")?.split_once(';')?;
        let (declared, argument) = declaration.rsplit_once(' ')?;
        if !argument.starts_with("common_") && argument != "__syscall_nr" {
            types.push(declared.to_owned());
        }
    }
    (!calls.is_empty()).then_some(calls)
}

#[test]
fn the_table_is_what_the_kernel_declares() {
    let Some(calls) = declared() else {
        eprintln!("SKIPPED: needs root and a kernel with CONFIG_FTRACE_SYSCALLS");
        return;
    };
    for (name, types) in &calls {
        // Of this the kernel reads less than it declares, as the test above shows.
        let read_by_half = if name == "clone" { 1 } else { 0 };
        for (index, declared) in types.iter().enumerate().skip(read_by_half) {
            assert_eq!(
                is_32_bit(Arch::X86_64, name, index as u8),
                is_half(declared),
                "{name}, argument {index}: {declared}"
            );
        }
    }
    println!("{} calls compared", calls.len());
    assert!(calls.len() > 300);
}
