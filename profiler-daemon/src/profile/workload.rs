//! What is profiled together: all containers of one image that run one program of it.
//!
//! An image may be run with another entrypoint than its own, as a debugging shell or a migration is.
//! That is another program with other needs, and so a workload of its own. The command is arguments
//! and makes no difference.
//!
//! As text a workload is `IMAGE`, or `IMAGE#ENTRYPOINT` with another entrypoint: its words, with commas
//! between them. In a word all but letters, digits and a few signs of paths is percent-encoded, so that
//! the text holds nothing that a terminal or a shell obeys, no `@` that could begin a version's number,
//! and can be read back.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use serde::{Deserialize, Serialize};

use super::identity::{Identity, Image};

/// Between an image and the entrypoint. No image's reference or id has it.
pub const SEPARATOR: char = '#';

/// An entrypoint that is not the image's own: its words, the program first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Entrypoint(Box<[String]>);

/// Words that are no entrypoint, or a name that has none where it promises one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWorkload {
    /// No words, or a single empty one, by which engines clear an entrypoint.
    #[error("an entrypoint has at least one word")]
    Cleared,
    /// Nothing before or after the separator.
    #[error("an image stands before the #, and an entrypoint after it, as in web:1.4#/bin/sh")]
    Half,
}

impl TryFrom<Vec<String>> for Entrypoint {
    type Error = NoWorkload;

    fn try_from(words: Vec<String>) -> Result<Self, NoWorkload> {
        match words.as_slice() {
            [] => Err(NoWorkload::Cleared),
            [only] if only.is_empty() => Err(NoWorkload::Cleared),
            _ => Ok(Self(words.into_boxed_slice())),
        }
    }
}

impl From<Entrypoint> for Vec<String> {
    fn from(entrypoint: Entrypoint) -> Self {
        entrypoint.0.into_vec()
    }
}

impl Entrypoint {
    /// Its words, the program first.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// Reads what [`Display`](fmt::Display) writes, and what a person writes in its stead: a percent sign without two
    /// hexadecimal digits stands for itself, and so does any other sign but the comma.
    ///
    /// # Errors
    /// There is no word in it.
    pub fn read(text: &str) -> Result<Self, NoWorkload> {
        Self::try_from(text.split(',').map(decoded).collect::<Vec<String>>())
    }
}

impl fmt::Display for Entrypoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.0.iter().enumerate() {
            if place > 0 {
                out.write_char(',')?;
            }
            for byte in word.bytes() {
                match byte {
                    b'/' | b'.' | b'_' | b'-' | b'+' | b'=' | b':' => {
                        out.write_char(char::from(byte))?;
                    }
                    _ if byte.is_ascii_alphanumeric() => out.write_char(char::from(byte))?,
                    _ => write!(out, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

/// A word without its percent-encoding. Bytes that are no text become the replacement character, as
/// engines write them.
fn decoded(word: &str) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let encoded = digit(0)
            .zip(digit(1))
            .filter(|_| *first == b'%')
            .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match encoded {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The workload of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload<'a> {
    /// The image's id, or its reference where no id is known.
    pub image: &'a str,
    /// The entrypoint, if it is not the image's own.
    pub other: Option<&'a Entrypoint>,
}

impl<'a> Workload<'a> {
    /// That of a container; none while its image is not known.
    #[must_use]
    pub fn of(identity: &'a Identity) -> Option<Self> {
        Some(Self {
            image: identity.image.as_ref()?.key(),
            other: identity.entrypoint.as_ref(),
        })
    }

    /// Under which versions are kept: the image's id alone where the entrypoint is its own.
    #[must_use]
    pub fn key(&self) -> Cow<'a, str> {
        match self.other {
            None => Cow::Borrowed(self.image),
            Some(other) => Cow::Owned(format!("{}{SEPARATOR}{other}", self.image)),
        }
    }
}

/// A workload as a person names it, or as a key does: `web:1.4`, `web:1.4#/bin/sh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The image's reference or id, or the beginning of the id.
    pub image: String,
    /// The entrypoint, if not the image's own is meant.
    pub other: Option<Entrypoint>,
}

impl Named {
    /// Reads a name without the `image:`.
    ///
    /// # Errors
    /// Nothing stands before or after the separator.
    pub fn read(name: &str) -> Result<Self, NoWorkload> {
        let (image, other) = match name.split_once(SEPARATOR) {
            None => (name, None),
            Some((_, "")) => return Err(NoWorkload::Half),
            Some((image, other)) => (image, Some(Entrypoint::read(other)?)),
        };
        if image.is_empty() {
            return Err(NoWorkload::Half);
        }
        Ok(Self {
            image: image.to_owned(),
            other,
        })
    }

    /// The same image with another entrypoint, or its own.
    #[must_use]
    pub fn with(&self, other: Option<&Entrypoint>) -> Self {
        Self {
            image: self.image.clone(),
            other: other.cloned(),
        }
    }

    /// The image is the one that is named: `web`, `web:latest` and the image's id all do.
    #[must_use]
    pub fn is_image(&self, image: &Image) -> bool {
        let wanted = self.image.as_str();
        let id = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        let wanted_id = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        image.reference == wanted
            || image.reference.strip_suffix(":latest") == Some(wanted)
            || wanted.strip_suffix(":latest") == Some(image.reference.as_str())
            || (wanted_id.len() >= 12 && id.starts_with(wanted_id))
    }

    /// The container is of this workload.
    #[must_use]
    pub fn is_of(&self, identity: &Identity) -> bool {
        let image = identity.image.as_ref();
        image.is_some_and(|image| self.is_image(image)) && identity.entrypoint == self.other
    }
}

impl fmt::Display for Named {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.image)?;
        match &self.other {
            None => Ok(()),
            Some(other) => write!(out, "{SEPARATOR}{other}"),
        }
    }
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
