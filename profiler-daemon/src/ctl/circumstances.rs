//! From the command line to what decides how a profile is resolved and what it means.

use super::{
    exit::{ExitStatus, Failure},
    profile_args::{CircumstancesArgs, HostArgs, MeaningName, NativeArch, RuntimeName},
};
use crate::seccomp::{
    arch::Arch,
    dialects::docker::{
        capabilities,
        resolve::{Circumstances, NEWEST_KERNEL, kernel_version},
    },
    facts::libseccomp::Version,
    meaning::{Host, Meaning, Runtime},
};

/// What the command line says, in the words of the pure rooms.
pub(super) fn circumstances(args: &CircumstancesArgs) -> Result<Circumstances, Failure> {
    Ok(Circumstances {
        capabilities: capabilities::held(&args.cap_add, &args.cap_drop).map_err(bad)?,
        arch: match args.arch {
            Some(NativeArch::X86) => Arch::X86,
            Some(NativeArch::Aarch64) => Arch::Aarch64,
            Some(NativeArch::Arm) => Arch::Arm,
            Some(NativeArch::X86_64) | None => Arch::X86_64,
        },
        kernel: match &args.kernel {
            Some(text) => kernel_version(text).ok_or_else(|| {
                bad(format!(
                    "{text:?} is no kernel version: write its first two numbers, as in 6.1"
                ))
            })?,
            None => this_kernel(),
        },
    })
}

/// The meaning that is asked for, under the runtime that is named.
pub(super) fn meaning(name: MeaningName, args: &HostArgs) -> Result<Meaning, Failure> {
    let host = host(args)?;
    match name {
        MeaningName::AsRunc => Ok(Meaning::AsRunc(host)),
        MeaningName::Exact if args.runtime.is_some() || args.libseccomp.is_some() => Err(bad(
            "--runtime and --libseccomp change nothing of what a document says; add --meaning \
             as-runc to hear what they make of it"
                .to_owned(),
        )),
        MeaningName::Exact => Ok(Meaning::Exact),
    }
}

/// What loads a profile.
pub(super) fn host(args: &HostArgs) -> Result<Host, Failure> {
    let libseccomp = match &args.libseccomp {
        None => Host::default().libseccomp,
        Some(text) => version(text).ok_or_else(|| {
            bad(format!(
                "{text:?} is no version of libseccomp: write three numbers, as in 2.5.4"
            ))
        })?,
    };
    Ok(Host {
        runtime: match args.runtime {
            Some(RuntimeName::Crun) => Runtime::Crun,
            Some(RuntimeName::Runc) | None => Runtime::Runc,
        },
        libseccomp,
    })
}

fn bad(message: String) -> Failure {
    Failure::new(ExitStatus::BadInput, message)
}

fn this_kernel() -> (u32, u32) {
    let name = rustix::system::uname();
    kernel_version(&name.release().to_string_lossy()).unwrap_or(NEWEST_KERNEL)
}

fn version(text: &str) -> Option<Version> {
    let mut parts = text.splitn(3, '.').map(|part| part.parse().ok());
    let (major, minor) = (parts.next()??, parts.next()??);
    let patch = parts.next().unwrap_or(Some(0))?;
    Some(Version::new(major, minor, patch))
}

#[cfg(test)]
mod tests {
    use super::{kernel_version, version};
    use crate::seccomp::facts::libseccomp::Version;

    #[test]
    fn versions_are_read() {
        assert_eq!(kernel_version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(kernel_version("six"), None);
        assert_eq!(version("2.5.4"), Some(Version::new(2, 5, 4)));
        assert_eq!(version("2.6"), Some(Version::new(2, 6, 0)));
        assert_eq!(version("2.6.1.rc"), None);
    }
}
