//! Other recorders on the same hooks: every call on the host pays for them too.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result};
use aya::programs::loaded_programs;

use crate::variant::Variant;

/// Turns of a quarter second that are waited for others to go, in all.
static PATIENCE: AtomicU32 = AtomicU32::new(40);

/// How many programs are named like those on the hooks of calls.
fn present() -> Result<usize> {
    let mut count = 0;
    for program in loaded_programs() {
        // One that went while the list was read is none.
        let Ok(program) = program else { continue };
        let name = program.name_as_str().unwrap_or_default();
        count += usize::from(name == "sys_enter" || name == "sys_exit");
    }
    Ok(count)
}

/// Waits a while until nobody hangs on the hooks. True when somebody still does.
pub(crate) fn wait_until_gone(next: Variant) -> Result<bool> {
    loop {
        if present().with_context(|| format!("before {}", next.label()))? == 0 {
            return Ok(false);
        }
        let left = PATIENCE.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(true);
        }
        PATIENCE.store(left - 1, Ordering::Relaxed);
        sleep(Duration::from_millis(250));
    }
}
