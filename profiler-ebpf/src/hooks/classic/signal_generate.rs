//! SIGSYS: the call that follows returns without having entered, and is not to be judged
//! by what it returns. Its number is not in this record.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::field;
use crate::task::{self, IN_FLIGHT, UNJUDGED};

const SIGSYS: i32 = 31;

#[tracepoint]
fn signal_generate(ctx: TracePointContext) -> u32 {
    // SAFETY: the offsets lie within the hook's record.
    unsafe {
        if field::<i32>(&ctx, 8) == SIGSYS {
            if let Some(state) = task::current() {
                (*state).entered = IN_FLIGHT | UNJUDGED;
            }
        }
    }
    0
}
