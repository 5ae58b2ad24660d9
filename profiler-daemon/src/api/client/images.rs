//! Images, asked for by reference or id, with another entrypoint than their own behind a `#`.

use super::{Client, ClientError, query, segment};
use crate::{
    api::protocol::{Explanation, Export, observations::Observations, workloads::ImageWorkload},
    profile::compose::Options,
};

impl Client {
    /// The profile of all containers of an image that were made with one entrypoint: its own, or the
    /// one behind a `#`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn export_image(&self, image: &str, options: Options) -> Result<Export, ClientError> {
        let image = segment("image", image)?;
        self.get(&format!("/v1/images/{image}/profile?{}", query(options)))
            .await
    }

    /// Calls of these containers, with how many made each; one call in every ABI that has
    /// it, or all.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain_image(
        &self,
        image: &str,
        call: Option<&str>,
    ) -> Result<Vec<Explanation>, ClientError> {
        let mut path = format!("/v1/images/{}/calls", segment("image", image)?);
        if let Some(call) = call {
            path = format!("{path}/{}", segment("system call", call)?);
        }
        self.get(&path).await
    }

    /// What containers of an image were run as, that which is meant first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn workloads(&self, image: &str) -> Result<Vec<ImageWorkload>, ClientError> {
        let image = segment("image", image)?;
        self.get(&format!("/v1/images/{image}/workloads")).await
    }

    /// The records of these containers, to be brought to another host.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn observations_of_image(&self, image: &str) -> Result<Observations, ClientError> {
        let image = segment("image", image)?;
        self.get(&format!("/v1/images/{image}/observations")).await
    }
}
