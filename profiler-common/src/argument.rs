//! Argument values of calls, where recording them is on.

/// Arguments of one call that are recorded at most.
pub const ARGUMENTS: usize = 3;
/// Different values of one call's arguments that are kept of a cgroup; beyond them it is "any".
pub const VALUES_LIMIT: u32 = 32;

/// Element of the map `ARGUMENT_SPECS`, at `abi * CALL_LIMIT + nr`: which arguments of a call are recorded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArgumentSpec {
    /// Since when without a gap, nanoseconds since boot; 0 while they are not.
    pub since_ns: u64,
    /// For each its index and 1, 0 for none. The first 0 ends the list.
    pub arguments: [u8; ARGUMENTS],
    /// Bit `n`: the n-th of `arguments` is a number of 64 bits; of the others the kernel takes the lower 32.
    pub wide: u8,
    /// Explicit padding, 0.
    pub pad: u32,
}

/// Key of the map `ARGUMENTS`: one combination of values.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgumentKey {
    /// The cgroup v2 id.
    pub cgroup: u64,
    /// As in [`crate::abi`].
    pub abi: u32,
    /// The call's number, without the x32 bit.
    pub nr: u32,
    /// The values, in the order of [`ArgumentSpec::arguments`], 0 beyond their number.
    pub values: [u64; ARGUMENTS],
}

/// Value of the map `ARGUMENT_ROOM`, by [`crate::refusal::CountKey`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ArgumentRoom {
    /// Combinations that are kept.
    pub taken: u32,
    /// 1 once there was one that is not: any value may have been used.
    pub any: u32,
}

const _: () = {
    assert!(size_of::<ArgumentSpec>() == 16);
    assert!(size_of::<ArgumentKey>() == 40);
    assert!(size_of::<ArgumentRoom>() == 8);
};
