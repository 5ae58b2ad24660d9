//! The command line of the verbs that work on profiles as files.
//!
//! Types only; what a verb does is in its own file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::format::Format;

/// What can be named as a profile.
const OPERAND: &str = "A profile: a file, - for standard input, a container, image:REF or image:REF#ENTRYPOINT, each \
     with @N for its version N, active:CONTAINER for the filters that were really loaded, docker-default, or unconfined";

/// Where `--help` lists what decides how a profile is resolved.
const CIRCUMSTANCES: &str = "The container and the host";

/// For which container and host a profile is judged.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CIRCUMSTANCES)]
pub struct CircumstancesArgs {
    /// Capabilities that the container has besides Docker's usual ones; ALL for all
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub cap_add: Vec<String>,
    /// Capabilities that it lacks of those; ALL for all
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub cap_drop: Vec<String>,
    /// The machine's architecture
    #[arg(long, value_enum, default_value = "x86_64")]
    pub arch: Option<NativeArch>,
    /// The kernel's version, K.M; this machine's without it
    #[arg(long, value_name = "K.M")]
    pub kernel: Option<String>,
}

/// What loads a profile.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CIRCUMSTANCES)]
pub struct HostArgs {
    /// The runtime that loads the profile; runc without it
    #[arg(long, value_enum)]
    pub runtime: Option<RuntimeName>,
    /// The version of the runtime's libseccomp; without it 2.5.5, whose tables Debian 12 has
    #[arg(long, value_name = "VERSION")]
    pub libseccomp: Option<String>,
}

/// Architectures that a machine can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NativeArch {
    /// 64-bit x86
    #[value(name = "x86_64", alias = "amd64")]
    X86_64,
    /// 32-bit x86
    #[value(name = "i386", alias = "x86")]
    X86,
    /// 64-bit ARM
    #[value(name = "aarch64", alias = "arm64")]
    Aarch64,
    /// 32-bit ARM
    Arm,
}

/// Runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeName {
    /// Answers ENOSYS to calls newer than all that a profile lists
    Runc,
    /// Loads what libseccomp makes of a profile
    Crun,
}

/// Which meaning of a profile is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MeaningName {
    /// What the document says
    Exact,
    /// What a runtime and its libseccomp make of it
    AsRunc,
}

/// `check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The profile
    #[arg(value_name = "P", long_help = OPERAND)]
    pub profile: String,
    /// The dialect, where it is not recognised
    #[arg(long, value_enum, value_name = "DIALECT")]
    pub from: Option<DialectName>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub host: HostArgs,
}

/// `eval`
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The profile
    #[arg(value_name = "P", long_help = OPERAND)]
    pub profile: String,
    /// A system call's name or number; x32:NAME and i386:NAME for those ABIs
    pub syscall: String,
    /// Its arguments: decimal, 0x… or negative; what is left out is 0
    #[arg(value_name = "ARG", num_args = 0..=6, allow_negative_numbers = true)]
    pub arguments: Vec<String>,
    /// What the document says, or what a runtime makes of it
    #[arg(long, value_enum, default_value = "exact")]
    pub meaning: MeaningName,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub host: HostArgs,
}

/// `compile`
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// The profile
    #[arg(value_name = "P", long_help = OPERAND)]
    pub profile: String,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How to write the filter
    #[arg(long, value_enum, default_value = "text")]
    pub format: FilterFormat,
    /// What the document says, or what a runtime makes of it
    #[arg(long, value_enum, default_value = "exact")]
    pub meaning: MeaningName,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub host: HostArgs,
}

/// How a filter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilterFormat {
    /// An instruction a line, with names and arrows
    Text,
    /// Bytes as the kernel takes them: struct sock_filter, 8 bytes each
    Cbpf,
    /// Initialisers of a C array of struct sock_filter
    C,
    /// One line of decimal numbers: count, then code jt jf k
    Decimal,
}

/// Dialects that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectName {
    /// Docker's and podman's JSON
    Docker,
    /// linux.seccomp, or a whole config.json
    Oci,
    /// LXC, version 1 or 2
    Lxc,
    /// SystemCallFilter= lines, or a whole unit
    Systemd,
    /// Names in groups with // comments
    Mkseccomp,
    /// A table that `strace -c` printed
    StraceC,
    /// What `strace -f` printed
    Strace,
    /// Classic BPF as bytes
    Cbpf,
    /// Classic BPF as text
    CbpfText,
}

/// Dialects that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WrittenDialect {
    /// For `docker run --security-opt seccomp=FILE`, and podman
    Docker,
    /// For `linux.seccomp` in an OCI bundle's config.json
    Oci,
    /// For lxc.seccomp.profile: version 2, with names
    Lxc,
    /// For old LXC: version 1, with x86_64 numbers
    Lxc1,
    /// SystemCallFilter= lines for a unit
    Systemd,
    /// A SeccompProfile for the Security Profiles Operator
    Spo,
    /// The compiled filter: struct sock_filter, 8 bytes each
    Cbpf,
}

/// `convert`
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The profile
    #[arg(value_name = "F", long_help = OPERAND)]
    pub profile: String,
    /// Its dialect, where it is not recognised
    #[arg(long, value_enum, value_name = "DIALECT")]
    pub from: Option<DialectName>,
    /// The dialect to write
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "docker")]
    pub to: WrittenDialect,
    /// Where the dialect lacks words, let through more than the profile, not less
    #[arg(long)]
    pub looser: bool,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
}

/// `edit`
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The profile
    #[arg(value_name = "P", long_help = OPERAND)]
    pub profile: String,
    /// Calls to allow; 'NAME:a0==40 && a1<3' for such arguments only
    #[arg(long, value_name = "CALL", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Calls to refuse, whatever their arguments
    #[arg(long, value_name = "CALL", value_delimiter = ',')]
    pub deny: Vec<String>,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `merge`
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The profiles
    #[arg(value_name = "P", required = true, num_args = 2.., long_help = OPERAND)]
    pub profiles: Vec<String>,
    /// The dialect to write
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "docker")]
    pub format: WrittenDialect,
    /// Write to this file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
}

/// `diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The first profile
    #[arg(value_name = "A", long_help = OPERAND)]
    pub before: String,
    /// The second
    #[arg(
        value_name = "B",
        long_help = OPERAND,
        required_unless_present = "against",
        conflicts_with = "against"
    )]
    pub after: Option<String>,
    /// Say how a container's or image's profile A differs from this one
    #[arg(long, value_enum, value_name = "WHAT")]
    pub against: Option<Against>,
    /// What the document says, or what a runtime makes of it
    #[arg(long, value_enum, default_value = "exact")]
    pub meaning: MeaningName,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: DiffFormat,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub host: HostArgs,
}

/// How a difference is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people: by what the profiles do
    Table,
    /// For programs, with stable keys
    Json,
    /// The two as texts in Docker's dialect, line by line
    Unified,
}

/// What a recorded profile is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Against {
    /// Its version before
    Previous,
    /// The filter in force for the container
    Active,
    /// Docker's built-in profile
    DockerDefault,
}

/// `audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// A container's name, id or id prefix; with --watch also image:REF or image:REF#ENTRYPOINT
    pub container: String,
    /// A profile: what would it refuse of what the container does?
    #[arg(long, value_name = "P", long_help = OPERAND)]
    pub candidate: Option<String>,
    /// Read the filter in force from the kernel by ptrace: a blocked call may return EINTR
    #[arg(long)]
    pub ptrace: bool,
    /// Go on telling what the candidate would refuse, until Ctrl-C
    #[arg(long, requires = "candidate")]
    pub watch: bool,
    /// Which meaning of the candidate
    #[arg(long, value_enum, default_value = "exact")]
    pub meaning: MeaningName,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub circumstances: CircumstancesArgs,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the verb's description")]
    pub host: HostArgs,
}
