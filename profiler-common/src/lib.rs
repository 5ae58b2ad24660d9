//! What the kernel programs and the daemon must agree on, byte for byte.
//!
//! No dependencies and no behaviour beyond index arithmetic: whoever reads a
//! value interprets it. A change of any layout here is a change of
//! [`ABI_VERSION`], which is part of the pin path: another version's maps are
//! never taken for this one's. A daemon reads those of the version before as
//! what they were.
#![no_std]

pub mod abi;
pub mod argument;
pub mod filter;
pub mod loss;
pub mod news;
pub mod origin;
pub mod record;
pub mod refusal;

/// Version of every layout in this crate; part of the pin path.
pub const ABI_VERSION: u32 = 3;
