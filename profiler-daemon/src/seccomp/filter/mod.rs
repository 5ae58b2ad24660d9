//! Programs for the kernel: what it takes, what they answer, and how they are written.

pub mod bitmap;
pub mod compile;
pub mod disassemble;
pub mod evaluate;
pub mod program;
pub mod symbolic;
pub mod words;
