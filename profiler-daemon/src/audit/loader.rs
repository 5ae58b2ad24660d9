//! What loads a container's profile, as `meaning::as_runc` wants to know it: from what a runtime
//! says of itself.

use serde::{Deserialize, Serialize};

use crate::{
    profile::identity::Runtime,
    seccomp::{
        facts::libseccomp::Version,
        meaning::{Host, Runtime as Family},
    },
};

/// A runtime and its library, known or assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loader {
    /// The runtime's name: `runc`, `crun`.
    pub name: String,
    /// Its version, as it prints it.
    pub version: Option<String>,
    /// The libseccomp that is reckoned with.
    pub libseccomp: String,
    /// What of it is not known but assumed, in a sentence.
    pub assumed: Option<String>,
}

/// The loader of a container, in words and for the model.
#[must_use]
pub fn loader(runtime: Option<&Runtime>) -> (Loader, Host) {
    let mut assumed = Vec::new();
    let name = runtime.map_or("", |runtime| runtime.name.as_str());
    let family = match name {
        "crun" => Family::Crun,
        "runc" => Family::Runc,
        "" => {
            assumed.push("its runtime is not known: runc is assumed".to_owned());
            Family::Runc
        }
        other => {
            assumed.push(format!(
                "what {other} makes of a profile is not known: runc is assumed"
            ));
            Family::Runc
        }
    };
    let version = runtime.and_then(|runtime| runtime.version.clone());
    let told = runtime.and_then(|runtime| runtime.libseccomp.as_deref());
    let libseccomp = match told.and_then(parse) {
        // Debian's package of this version has the tables of the next.
        Some(told) if told == Version::new(2, 5, 4) && is_debians(version.as_deref()) => {
            Version::DEBIAN_12
        }
        Some(told) => told,
        None => {
            assumed.push(format!(
                "it does not tell its libseccomp: {} is assumed",
                Version::DEBIAN_12
            ));
            Version::DEBIAN_12
        }
    };
    let host = Host {
        runtime: family,
        libseccomp,
    };
    let loader = Loader {
        name: if name.is_empty() { "runc" } else { name }.to_owned(),
        version,
        libseccomp: told.map_or_else(|| libseccomp.to_string(), str::to_owned),
        assumed: (!assumed.is_empty()).then(|| assumed.join("; ")),
    };
    (loader, host)
}

impl Loader {
    /// What loads a profile that lists no architecture: runc answered ENOSYS for listed ones only
    /// before 1.1.15.
    #[must_use]
    pub fn without_architectures(&self, host: Host) -> Host {
        let old = host.runtime == Family::Runc
            && self
                .version
                .as_deref()
                .and_then(parse)
                .is_some_and(|version| version < Version::new(1, 1, 15));
        Host {
            runtime: if old { Family::Crun } else { host.runtime },
            ..host
        }
    }
}

/// `1.1.5+ds1`
fn is_debians(version: Option<&str>) -> bool {
    version.is_some_and(|version| version.contains("+ds"))
}

fn parse(text: &str) -> Option<Version> {
    let mut parts = text
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|part| part.parse().ok());
    let (major, minor) = (parts.next()??, parts.next()??);
    Some(Version::new(
        major,
        minor,
        parts.next().flatten().unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::{Family, Runtime, Version, loader};

    fn runtime(name: &str, version: &str, libseccomp: Option<&str>) -> Runtime {
        Runtime {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            libseccomp: libseccomp.map(str::to_owned),
        }
    }

    #[test]
    fn a_runtime_says_what_it_loads_with() {
        let (told, host) = loader(Some(&runtime("runc", "1.3.6", Some("2.6.1"))));
        assert_eq!(host.libseccomp, Version::new(2, 6, 1));
        assert_eq!((host.runtime, told.assumed), (Family::Runc, None));
        let (told, host) = loader(Some(&runtime("runc", "1.1.5+ds1", Some("2.5.4"))));
        assert_eq!(host.libseccomp, Version::DEBIAN_12);
        assert_eq!((told.libseccomp.as_str(), told.assumed), ("2.5.4", None));
        let (_, host) = loader(Some(&runtime("runc", "1.1.5", Some("2.5.4"))));
        assert_eq!(host.libseccomp, Version::new(2, 5, 4));
    }

    #[test]
    fn old_runc_answers_enosys_for_listed_architectures_only() {
        for (version, family) in [("1.1.5+ds1", Family::Crun), ("1.1.15", Family::Runc)] {
            let (told, host) = loader(Some(&runtime("runc", version, Some("2.5.5"))));
            assert_eq!(
                told.without_architectures(host).runtime,
                family,
                "{version}"
            );
        }
    }

    #[test]
    fn what_is_assumed_is_said() {
        let (told, host) = loader(Some(&runtime("crun", "1.8.1", None)));
        assert_eq!(host.runtime, Family::Crun);
        assert!(told.assumed.unwrap().contains("libseccomp"));
        let (told, _) = loader(Some(&runtime("youki", "0.5", None)));
        assert!(told.assumed.unwrap().contains("youki"));
        assert!(loader(None).0.assumed.is_some());
    }
}
