//! Which types may be read from and written to maps byte for byte.
//!
//! profiler-common must not depend on aya, so its types are wrapped here.

use profiler_common::{
    argument::{ArgumentKey, ArgumentRoom, ArgumentSpec},
    filter::Filter,
    record::CgroupRecord,
    refusal::{Count, CountKey, Refusal, RefusalKey},
};

/// A map key or value: plain bytes, no padding, any bit pattern valid.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Plain<T>(pub(super) T);

/// Types that may be wrapped so.
macro_rules! plain {
    ($($ty:ty),+) => {
        $(
            // SAFETY: repr(C), made of integers and arrays of them, without padding (the
            // sizes are asserted where they are declared), and the wrapper is transparent.
            #[expect(unsafe_code, reason = "aya asks for this promise")]
            unsafe impl aya::Pod for $crate::kernel::pod::Plain<$ty> {}
        )+
    };
}

pub(super) use plain;

plain!(
    ArgumentKey,
    ArgumentRoom,
    ArgumentSpec,
    CgroupRecord,
    Count,
    CountKey,
    Filter,
    Refusal,
    RefusalKey
);
