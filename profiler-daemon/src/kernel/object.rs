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
