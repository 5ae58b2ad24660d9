//! Versions, asked for.

use hyper::{Method, body::Bytes};

use super::{Client, ClientError, query, segment};
use crate::{
    api::protocol::versions::{History, VersionExport},
    profile::{
        compose::Options,
        version::{Subject, Version},
    },
};

impl Client {
    /// All versions of a container, by name, id or id prefix, or of an image, by reference or id.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn history(&self, subject: &Subject) -> Result<History, ClientError> {
        self.get(&versions(subject)?).await
    }

    /// One version, with its profile.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn version(
        &self,
        subject: &Subject,
        number: u64,
        options: Options,
    ) -> Result<VersionExport, ClientError> {
        let versions = versions(subject)?;
        self.get(&format!("{versions}/{number}?{}", query(options)))
            .await
    }

    /// Marks a version as promoted; one that is stays as it is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn promote(&self, subject: &Subject, number: u64) -> Result<Version, ClientError> {
        let path = format!("{}/{number}/promotion", versions(subject)?);
        let answer = self.send(Method::PUT, &path, Bytes::new()).await?;
        self.decoded(&path, answer).await
    }
}

/// Where the versions of something are, as a person names it.
fn versions(subject: &Subject) -> Result<String, ClientError> {
    Ok(match subject {
        Subject::Container(name) => {
            format!("/v1/containers/{}/versions", segment("container", name)?)
        }
        Subject::Image(name) => format!("/v1/images/{}/versions", segment("image", name)?),
    })
}
