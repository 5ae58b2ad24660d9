//! Placeholder until the table is merged.
use super::arch::Arch;

/// See the table.
#[must_use]
pub fn is_32_bit(arch: Arch, name: &str, _index: u8) -> bool {
    arch.has_32_bit_arguments() || matches!(name, "socket" | "personality")
}
