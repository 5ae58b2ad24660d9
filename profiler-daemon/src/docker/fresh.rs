//! A container that does not exist yet, as Docker is asked for it. Pure.

use bollard::models::{ContainerCreateBody, HostConfig};

/// What a container is to be made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fresh {
    /// The image's reference or id.
    pub image: String,
    /// What is to be executed in place of the image's entrypoint.
    pub entrypoint: Option<String>,
    /// The words after the entrypoint, in place of the image's; empty leaves them.
    pub command: Vec<String>,
    /// `NAME=VALUE`, besides the image's.
    pub env: Vec<String>,
    /// `SOURCE:TARGET[:ro]`, as `docker run --volume` takes it.
    pub volumes: Vec<String>,
    /// The network; the engine's default without it.
    pub network: Option<String>,
    /// `USER[:GROUP]`, in place of the image's.
    pub user: Option<String>,
    /// Capabilities besides the usual ones.
    pub cap_add: Vec<String>,
    /// Capabilities that it is not to have.
    pub cap_drop: Vec<String>,
    /// No program in it gains privileges by being executed.
    pub no_new_privileges: bool,
    /// The engine's name for a runtime; its default without it.
    pub runtime: Option<String>,
    /// Somebody writes to its standard input.
    pub stdin: bool,
    /// What is said of seccomp; the engine's own default without it.
    pub seccomp: Option<Seccomp>,
}

/// What Docker is asked for in the way of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seccomp {
    /// None.
    Unconfined,
    /// A profile's text, in Docker's dialect.
    Profile(String),
}

impl Seccomp {
    /// As an option of `--security-opt`.
    #[must_use]
    pub fn option(&self) -> String {
        match self {
            Self::Unconfined => "seccomp=unconfined".to_owned(),
            Self::Profile(text) => format!("seccomp={text}"),
        }
    }
}

impl From<&Fresh> for ContainerCreateBody {
    fn from(fresh: &Fresh) -> Self {
        let listed = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        let mut options: Vec<String> = fresh.seccomp.iter().map(Seccomp::option).collect();
        if fresh.no_new_privileges {
            options.push("no-new-privileges".to_owned());
        }
        Self {
            image: Some(fresh.image.clone()),
            entrypoint: fresh.entrypoint.clone().map(|word| vec![word]),
            cmd: listed(&fresh.command),
            env: listed(&fresh.env),
            user: fresh.user.clone(),
            open_stdin: Some(fresh.stdin),
            stdin_once: Some(fresh.stdin),
            attach_stdin: Some(fresh.stdin),
            host_config: Some(HostConfig {
                binds: listed(&fresh.volumes),
                network_mode: fresh.network.clone(),
                cap_add: listed(&fresh.cap_add),
                cap_drop: listed(&fresh.cap_drop),
                security_opt: listed(&options),
                runtime: fresh.runtime.clone(),
                ..HostConfig::default()
            }),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_left_to_the_image_and_the_engine() {
        let body = ContainerCreateBody::from(&Fresh {
            image: "nginx".to_owned(),
            ..Fresh::default()
        });
        assert_eq!((body.entrypoint, body.cmd, body.env), (None, None, None));
        let host = body.host_config.unwrap();
        assert_eq!((host.security_opt, host.runtime), (None, None));
    }

    #[test]
    fn the_profile_goes_into_the_request_as_text() {
        let body = ContainerCreateBody::from(&Fresh {
            seccomp: Some(Seccomp::Profile("{}".to_owned())),
            no_new_privileges: true,
            ..Fresh::default()
        });
        let options = body.host_config.unwrap().security_opt.unwrap();
        assert_eq!(options, ["seccomp={}", "no-new-privileges"]);
        assert_eq!(Seccomp::Unconfined.option(), "seccomp=unconfined");
    }
}
