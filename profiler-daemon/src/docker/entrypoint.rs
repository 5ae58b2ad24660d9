//! With which entrypoint a container was made, and whether that is its image's own.
//!
//! The engine tells both alike: a container that was given no entrypoint has its image's. So the image
//! is asked, once; its id says what it holds, which never changes. An image that is gone, or cannot be
//! asked now, counts as it was when it was asked before; if it never was, the container counts as made
//! with the image's own, for most are.
//!
//! The command is arguments, but where an entrypoint was cleared (`--entrypoint ""`): then its first word
//! is the program, and so the entrypoint. An image without an entrypoint has none to be cleared: whatever
//! it is told to run is a command of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bollard::models::ContainerConfig;
use tokio::sync::OnceCell;

use super::client::{Client, ClientError};
use crate::profile::workload::Entrypoint;

/// Images of which the entrypoint is remembered; a host has some hundred.
const MOST_IMAGES: usize = 4096;

/// What a container was made to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Words of its entrypoint; none if it has none.
    entrypoint: Vec<String>,
    /// The first word of its command.
    program: Option<String>,
}

impl Made {
    /// Reads it from a container's configuration.
    #[must_use]
    pub fn read(config: &ContainerConfig) -> Self {
        let command = config.cmd.as_deref().unwrap_or_default();
        Self {
            entrypoint: words(config.entrypoint.clone()),
            program: command.first().filter(|word| !word.is_empty()).cloned(),
        }
    }

    /// Its entrypoint, if it is not the image's `own`.
    #[must_use]
    pub fn other_than(self, own: &[String]) -> Option<Entrypoint> {
        let cleared = self.entrypoint.is_empty() && !own.is_empty();
        let entrypoint = match self.program {
            Some(program) if cleared => vec![program],
            _ => self.entrypoint,
        };
        if entrypoint == own {
            return None;
        }
        Entrypoint::try_from(entrypoint).ok()
    }
}

/// An entrypoint's words. Engines clear one by a single empty word.
fn words(told: Option<Vec<String>>) -> Vec<String> {
    let mut words = told.unwrap_or_default();
    if matches!(words.as_slice(), [only] if only.is_empty()) {
        words.clear();
    }
    words
}

/// The entrypoint of each image, by its id.
type Known = HashMap<String, Arc<OnceCell<Vec<String>>>>;

/// The images' own entrypoints, for as long as an engine is watched.
#[derive(Debug, Default)]
pub(super) struct ImageEntrypoints(Mutex<Known>);

impl ImageEntrypoints {
    /// The entrypoint that a container of this image was made with, if it is not the image's own.
    pub(super) async fn other(
        &self,
        client: &Client,
        image_id: &str,
        made: Made,
    ) -> Option<Entrypoint> {
        if image_id.is_empty() {
            return None;
        }
        // Of many containers that come at once, one asks and the others wait for its answer.
        let own = self.of(image_id);
        let asked = own.get_or_try_init(|| async {
            let image = client.image(image_id).await?;
            let config = image.config.unwrap_or_default();
            Ok::<_, ClientError>(words(config.entrypoint))
        });
        match asked.await {
            Ok(own) => made.other_than(own),
            Err(error) => {
                tracing::debug!(image = image_id, %error, "image not asked for its entrypoint");
                None
            }
        }
    }

    fn of(&self, image_id: &str) -> Arc<OnceCell<Vec<String>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_IMAGES && !known.contains_key(image_id) {
            known.clear();
        }
        Arc::clone(known.entry(image_id.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Made;

    fn other(container: serde_json::Value, own: &[&str]) -> Option<String> {
        let config = serde_json::from_value(container).expect("bollard reads it");
        let own: Vec<String> = own.iter().map(|word| (*word).to_owned()).collect();
        Made::read(&config)
            .other_than(&own)
            .map(|entrypoint| entrypoint.to_string())
    }

    #[test]
    fn the_images_own_is_told_by_its_words() {
        let own = ["/entry.sh", "run"];
        for (container, told) in [
            (json!({"Entrypoint": ["/entry.sh", "run"]}), None),
            // The command is arguments.
            (
                json!({"Entrypoint": ["/entry.sh", "run"], "Cmd": ["/bin/sh"]}),
                None,
            ),
            (json!({"Entrypoint": ["/entry.sh"]}), Some("/entry.sh")),
            (
                json!({"Entrypoint": ["/entry.sh", "run", "-v"]}),
                Some("/entry.sh,run,-v"),
            ),
            (
                json!({"Entrypoint": ["/entry.sh run"]}),
                Some("/entry.sh%20run"),
            ),
            (
                json!({"Entrypoint": ["/bin/sh"], "Cmd": ["-c", "id"]}),
                Some("/bin/sh"),
            ),
        ] {
            assert_eq!(
                other(container.clone(), &own).as_deref(),
                told,
                "{container}"
            );
        }
    }

    #[test]
    fn where_it_was_cleared_the_commands_first_word_is_the_program() {
        for cleared in [json!(null), json!([]), json!([""])] {
            let made = |command| json!({"Entrypoint": cleared, "Cmd": command});
            let shell = made(json!(["/bin/sh", "-c", "id"]));
            assert_eq!(other(shell.clone(), &["/app"]).as_deref(), Some("/bin/sh"));
            // The same program by another way.
            assert_eq!(other(made(json!(["/app", "-v"])), &["/app"]), None);
            // An image that has none is told what to run by commands.
            assert_eq!(other(shell, &[]), None);
            // No container runs with neither; told of one, nothing is made up.
            assert_eq!(other(made(json!(null)), &["/app"]), None);
            assert_eq!(other(made(json!([""])), &["/app"]), None);
        }
        let given = json!({"Entrypoint": ["/bin/sh"]});
        assert_eq!(other(given, &[]).as_deref(), Some("/bin/sh"));
        assert_eq!(other(json!({}), &[]), None);
    }
}
