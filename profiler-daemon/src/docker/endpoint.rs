//! Where the engine is. Pure: a text in, a place out; reads no environment.

use std::fmt;

use thiserror::Error;

/// Where Docker listens unless it is told otherwise.
pub const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";

/// Why a text names no engine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// A transport that is not spoken.
    #[error(
        "the Docker endpoint {url:?} is not a unix socket; profilerd names the containers of its \
         own machine, so give it that machine's socket ({DEFAULT_ENDPOINT}), or `none` to do without"
    )]
    Transport {
        /// What was given.
        url: String,
    },
    /// No absolute path.
    #[error(
        "the Docker endpoint {url:?} names no socket; write unix:///absolute/path \
         ({DEFAULT_ENDPOINT}), or `none` to do without"
    )]
    NoPath {
        /// What was given.
        url: String,
    },
}

/// An engine's unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    path: String,
}

impl Endpoint {
    /// Reads `unix:///path` or a bare absolute path; `none` means that there is no engine.
    ///
    /// # Errors
    /// When it is another transport, or no absolute path.
    pub fn parse(text: &str) -> Result<Option<Self>, EndpointError> {
        let text = text.trim();
        if text == "none" {
            return Ok(None);
        }
        let path = match text.split_once("://") {
            Some(("unix", path)) => path,
            Some(_) => {
                return Err(EndpointError::Transport {
                    url: text.to_owned(),
                });
            }
            None => text,
        };
        if !path.starts_with('/') || path.ends_with('/') {
            return Err(EndpointError::NoPath {
                url: text.to_owned(),
            });
        }
        Ok(Some(Self {
            path: path.to_owned(),
        }))
    }

    /// The socket's path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "unix://{}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_read_in_both_spellings() {
        for text in ["unix:///run/d.sock", "/run/d.sock", " /run/d.sock\n"] {
            let endpoint = Endpoint::parse(text).expect("a socket").expect("not off");
            assert_eq!(endpoint.path(), "/run/d.sock");
            assert_eq!(endpoint.to_string(), "unix:///run/d.sock");
        }
        assert_eq!(Endpoint::parse("none"), Ok(None));
        assert!(Endpoint::parse(DEFAULT_ENDPOINT).is_ok());
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for text in [
            "tcp://1.2.3.4:2375",
            "ssh://host",
            "http://x",
            "npipe:////./pipe/d",
            "fd://",
        ] {
            let error = Endpoint::parse(text).expect_err("no unix socket");
            assert!(matches!(error, EndpointError::Transport { .. }), "{text}");
            assert!(error.to_string().contains(DEFAULT_ENDPOINT));
        }
        for text in [
            "",
            "run/d.sock",
            "unix://",
            "unix://run/d.sock",
            "unix:///",
            "None",
        ] {
            let error = Endpoint::parse(text).expect_err("no path");
            assert!(matches!(error, EndpointError::NoPath { .. }), "{text}");
        }
    }
}
