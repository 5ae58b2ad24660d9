//! The compiled kernel programs that this daemon carries.

/// For kernels with BTF.
pub(super) static BTF: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../profiler-ebpf/prebuilt/x86_64/profiler.bpf.o"
));

/// For kernels without.
pub(super) static CLASSIC: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../profiler-ebpf/prebuilt/x86_64/profiler-classic.bpf.o"
));

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aya_obj::Object;

    /// Numbers of the helpers that lockdown "confidentiality" takes away:
    /// probe_read, probe_read_str, probe_read_kernel, probe_read_kernel_str.
    const TAKEN_AWAY: [i32; 4] = [4, 45, 113, 115];
    const CALL: u8 = 0x85;

    fn helpers(object: &[u8]) -> BTreeSet<i32> {
        let object = Object::parse(object).unwrap();
        object
            .functions
            .values()
            .flat_map(|function| &function.instructions)
            .filter(|instruction| instruction.code == CALL && instruction.src_reg() == 0)
            .map(|instruction| instruction.imm)
            .collect()
    }

    #[test]
    fn the_object_works_under_lockdown_confidentiality() {
        let used = helpers(super::BTF);
        assert!(
            used.contains(&156),
            "bpf_task_storage_get must be among {used:?}"
        );
        let refused: Vec<_> = TAKEN_AWAY.iter().filter(|id| used.contains(id)).collect();
        assert!(refused.is_empty(), "helpers {refused:?} are refused there");
    }

    #[test]
    fn the_scan_finds_such_helpers_where_they_are() {
        assert!(helpers(super::CLASSIC).contains(&113));
    }
}
