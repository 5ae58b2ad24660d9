//! The real kernel as a judge: what a seccomp program answers to a call, asked of the kernel that runs it.
//!
//! Every answer of the program is replaced by an errno of its own, the program is installed in a forked child, and the
//! child makes the calls. Since each is answered with an errno, none is carried out. Needs no root and leaves nothing.
//! x86_64 only. Must not judge a program whose answers are computed (`RET A`): those can't be told apart.

#![allow(
    dead_code,
    unsafe_code,
    reason = "forking and bare system calls; every test file takes in the whole module and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod bare;

use std::{
    io,
    ops::Range,
    ptr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// An instruction: code, jump if true, jump if false, constant.
pub(crate) type Instruction = (u16, u8, u8, u32);

/// How a call gets into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Gate {
    /// `syscall`: x86_64, and x32 by bit 30 of the number.
    Syscall,
    /// `int 0x80`: i386. Only the lower halves of the arguments get through.
    Int80,
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) gate: Gate,
    pub(crate) nr: u32,
    pub(crate) args: [u64; 6],
}

/// Numbers of x86_64 that the kernel carries out whatever a filter says: `uretprobe`, since Linux 6.14, and `uprobe`,
/// since 6.18.
pub(crate) const NEVER_FILTERED: [u32; 2] = [335, 336];

/// How long a batch may take: far more than any needs.
const PATIENCE: Duration = Duration::from_secs(30);

const RET_K: u16 = 0x06;
const RET_A: u16 = 0x16;
/// A division by zero returns 0, which kills: an answer that can't be replaced.
const DIVIDE_BY_X: u16 = 0x3c;
/// Stands for the result of a call that was killed.
const KILLED: i64 = i64::MAX;
const ERRNO: u32 = 0x0005_0000;
const MAX_ERRNO: usize = 4095;

/// What parent and child share: the child's progress, then the calls.
#[repr(C)]
struct Shared {
    /// 0; 1 + errno if the filter could not be installed; then [`RUNNING`] and [`DONE`].
    stage: AtomicU32,
}

const RUNNING: u32 = 0x1_0000;
const DONE: u32 = 0x2_0000;

/// A call and its raw result.
#[repr(C)]
struct Slot {
    args: [u64; 6],
    nr: u32,
    int80: u32,
    result: i64,
}

#[repr(C)]
struct SockFilter {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

/// For each call the value that the program returns.
///
/// Panics if the kernel refuses the program, if an answer is none of the program's, or if the child does not come to
/// its end.
pub(crate) fn answers(program: &[Instruction], calls: &[Call]) -> Vec<u32> {
    try_answers(program, calls).unwrap_or_else(|why| panic!("the kernel as a judge: {why}"))
}

/// The same; `Err` says why there is no answer.
pub(crate) fn try_answers(program: &[Instruction], calls: &[Call]) -> Result<Vec<u32>, String> {
    let never = calls
        .iter()
        .find(|call| call.gate == Gate::Syscall && NEVER_FILTERED.contains(&call.nr));
    if let Some(call) = never {
        return Err(format!(
            "call {} is carried out whatever a filter says",
            call.nr
        ));
    }
    let (filter, values) = marked(program)?;
    let mut area = Area::of(calls)?;
    let divides = program.iter().any(|(code, ..)| *code == DIVIDE_BY_X);
    while let Some(killed) = area.run(&filter)? {
        if !divides {
            return Err(format!("{:x?} was killed by no answer", calls[killed]));
        }
        area.slots_mut()[killed].result = KILLED;
    }
    let slots = area.slots();
    slots
        .iter()
        .zip(calls)
        .map(|(slot, call)| {
            if slot.result == KILLED {
                return Ok(0);
            }
            usize::try_from(-slot.result - 1)
                .ok()
                .and_then(|index| values.get(index).copied())
                .ok_or_else(|| format!("{call:x?} answered {}, no errno of ours", slot.result))
        })
        .collect()
}

/// The program with an errno for each value it can return, and these values: errno 1 is the first.
fn marked(program: &[Instruction]) -> Result<(Vec<SockFilter>, Vec<u32>), String> {
    let mut values: Vec<u32> = Vec::new();
    let mut filter = Vec::with_capacity(program.len());
    for &(code, jt, jf, k) in program {
        if code == RET_A {
            return Err("the program returns its accumulator".to_owned());
        }
        let mut k = k;
        if code == RET_K {
            let index = values.iter().position(|known| *known == k);
            let index = index.unwrap_or_else(|| {
                values.push(k);
                values.len() - 1
            });
            if index >= MAX_ERRNO {
                return Err(format!("more than {MAX_ERRNO} different answers"));
            }
            k = ERRNO | u32::try_from(index + 1).expect("an errno");
        }
        filter.push(SockFilter { code, jt, jf, k });
    }
    Ok((filter, values))
}

/// Shared memory, given back when dropped.
struct Area {
    start: *mut Shared,
    length: usize,
    count: usize,
}

/// Where the slots begin: on a cache line of their own.
const SLOTS_AT: usize = 64;

impl Area {
    fn of(calls: &[Call]) -> Result<Self, String> {
        let length = SLOTS_AT + calls.len() * size_of::<Slot>();
        // SAFETY: a new anonymous mapping, at no address of ours.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(format!("mmap: {}", io::Error::last_os_error()));
        }
        let mut area = Self {
            start: start.cast(),
            length,
            count: calls.len(),
        };
        for (slot, call) in area.slots_mut().iter_mut().zip(calls) {
            *slot = Slot {
                args: call.args,
                nr: call.nr,
                int80: u32::from(call.gate == Gate::Int80),
                result: 0,
            };
        }
        Ok(area)
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the mapping is zeroed, large enough, aligned to a page and lives as long as self.
        unsafe { &*self.start }
    }

    fn first(&self) -> *mut Slot {
        // SAFETY: the mapping is longer than SLOTS_AT, which is a multiple of a slot's alignment.
        unsafe { self.start.cast::<u8>().add(SLOTS_AT).cast() }
    }

    fn slots(&self) -> &[Slot] {
        // SAFETY: there is room for `count` slots, all zeroes are a slot, and no child runs while this borrow lasts.
        unsafe { std::slice::from_raw_parts(self.first(), self.count) }
    }

    fn slots_mut(&mut self) -> &mut [Slot] {
        // SAFETY: as above, and self is borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(self.first(), self.count) }
    }

    /// How many calls were made; each leaves an errno.
    fn made(&self) -> usize {
        self.slots().partition_point(|slot| slot.result != 0)
    }

    /// Lets a child make all calls under the filter that were not made yet; returns the one that killed it, if one did.
    fn run(&mut self, filter: &[SockFilter]) -> Result<Option<usize>, String> {
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).map_err(|_| "too long a program".to_owned())?,
            filter: filter.as_ptr().cast::<libc::sock_filter>().cast_mut(),
        };
        let from = self.made();
        // SAFETY: the child runs `child` alone, which calls nothing that is not async-signal-safe, allocates nothing
        // and never returns.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            child(self.shared(), &program, self.first(), from..self.count);
        }
        if pid < 0 {
            return Err(format!("fork: {}", io::Error::last_os_error()));
        }
        let status = wait(pid, &self.shared().stage)?;
        match self.shared().stage.load(Ordering::Acquire) {
            DONE => Ok(None),
            RUNNING => {
                let made = self.made();
                if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS {
                    return Ok(Some(made));
                }
                Err(format!(
                    "the child ended after {made} of {} calls, status {status:#x}",
                    self.count
                ))
            }
            0 => Err(format!("the child did nothing, status {status:#x}")),
            errno => Err(format!(
                "the filter can't be installed: {}",
                io::Error::from_raw_os_error((errno - 1).cast_signed())
            )),
        }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: mapped by `of` with this length; every borrow of it is over.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

/// Waits for the child's death; kills it when it is done, and when it takes too long.
fn wait(pid: libc::pid_t, stage: &AtomicU32) -> Result<i32, String> {
    let begin = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        let mut status = 0;
        // SAFETY: `status` is ours; the child is not waited for elsewhere.
        match unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } {
            0 if stage.load(Ordering::Acquire) == DONE || begin.elapsed() > PATIENCE => {
                let done = stage.load(Ordering::Acquire) == DONE;
                // SAFETY: the child was not waited for, so its number is still its own.
                unsafe {
                    libc::kill(pid, libc::SIGKILL);
                    libc::waitpid(pid, &raw mut status, 0);
                }
                return done
                    .then_some(status)
                    .ok_or_else(|| format!("the child took longer than {PATIENCE:?}"));
            }
            0 => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(5));
            }
            got if got == pid => return Ok(status),
            _ => return Err(format!("waitpid: {}", io::Error::last_os_error())),
        }
    }
}

/// The child: from the filter's install on, nothing but the prepared calls.
fn child(shared: &Shared, program: &libc::sock_fprog, first: *mut Slot, calls: Range<usize>) -> ! {
    let no_core = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: async-signal-safe calls on memory that outlives them.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                ptr::from_ref(program),
            ) == 0
    };
    if !installed {
        // SAFETY: errno is this thread's own, and the child may call _exit.
        unsafe {
            let errno = (*libc::__errno_location()).cast_unsigned();
            shared.stage.store(1 + errno, Ordering::Release);
            libc::_exit(1);
        }
    }
    shared.stage.store(RUNNING, Ordering::Release);
    for index in calls {
        // SAFETY: `first` points to as many slots which only this process touches now.
        let slot = unsafe { &mut *first.add(index) };
        // SAFETY: the filter answers every call with an errno, so that none is carried out.
        slot.result = unsafe {
            if slot.int80 == 0 {
                bare::syscall(slot.nr, &slot.args)
            } else {
                bare::int80(slot.nr, &slot.args)
            }
        };
    }
    shared.stage.store(DONE, Ordering::Release);
    // It can't leave by itself: the filter answers every call. The parent ends it.
    loop {
        std::hint::spin_loop();
    }
}
