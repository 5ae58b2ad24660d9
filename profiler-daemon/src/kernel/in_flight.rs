//! Calls that tasks were in when the recording began, from `/proc/PID/task/*/syscall`.

use std::{fs, path::Path};

use crate::profile::{
    abi::Abi,
    call::{Call, CallSet},
};

/// The calls that the threads of a process are blocked in now. Threads that run, or that
/// may not be asked about, tell nothing.
#[must_use]
pub fn calls(proc: &Path, pid: u32) -> CallSet {
    let Ok(threads) = fs::read_dir(proc.join(pid.to_string()).join("task")) else {
        return CallSet::new();
    };
    let abi = executable_abi(&proc.join(pid.to_string()).join("exe"));
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("syscall")).ok())
        .filter_map(|line| parse(&line, abi))
        .collect()
}

/// `/proc/PID/task/TID/syscall` begins with the number, or is `running`, or `-1` outside a call.
fn parse(line: &str, abi: Abi) -> Option<Call> {
    let nr: i64 = line.split_whitespace().next()?.parse().ok()?;
    let nr = u32::try_from(nr).ok()?;
    if abi == Abi::X86_64 && nr & (1 << 30) != 0 {
        return Some(Call::new(Abi::X32, nr & !(1 << 30)));
    }
    Some(Call::new(abi, nr))
}

/// The file does not tell the ABI of the call; the executable's ELF class is the best guess.
fn executable_abi(exe: &Path) -> Abi {
    let mut head = [0_u8; 5];
    let read =
        fs::File::open(exe).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    if read.is_ok() && head == *b"\x7fELF\x01" {
        Abi::I386
    } else {
        Abi::X86_64
    }
}

#[cfg(test)]
mod tests {
    use super::{Abi, Call, parse};

    #[test]
    fn reads_the_number_and_nothing_else() {
        let line = "281 0x4 0x7ffd 0x400 0xffffffffffffffff 0x0 0x8 0x7ffd 0x7f10\n";
        assert_eq!(parse(line, Abi::X86_64), Some(Call::new(Abi::X86_64, 281)));
        assert_eq!(parse("running\n", Abi::X86_64), None);
        assert_eq!(parse("-1 0x7ffd 0x7f10\n", Abi::X86_64), None);
        assert_eq!(parse("", Abi::I386), None);
        assert_eq!(
            parse("1073741825 0x0\n", Abi::X86_64),
            Some(Call::new(Abi::X32, 1))
        );
    }
}
