//! SIGSYS: the call that follows returns without having entered, and is not to be judged
//! by what it returns. Its number is not in this record. And the signals that tell a container to
//! stop.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::field;
use crate::{
    origin,
    task::{self, IN_FLIGHT, UNJUDGED},
};

const SIGSYS: i32 = 31;

#[tracepoint]
fn signal_generate(ctx: TracePointContext) -> u32 {
    // SAFETY: the offsets lie within the hook's record.
    unsafe {
        let signal = field::<i32>(&ctx, 8);
        if signal == SIGSYS {
            if let Some(state) = task::current() {
                (*state).entered = IN_FLIGHT | UNJUDGED;
            }
        } else {
            // The target's number lies behind signal, errno, code and a name of 16 bytes.
            origin::signalled(signal, field(&ctx, 36));
        }
    }
    0
}
