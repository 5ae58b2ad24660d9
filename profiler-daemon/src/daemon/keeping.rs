//! The state directory as the collector needs it.

use crate::{
    collector::ports::{Keep, KeepError, KeptContainer},
    profile::{baseline::learned::LearnedBaseline, observation::Observation},
    store::files::{StateDirectory, StateError},
};

/// Records without a name that are kept; the oldest go first.
const NAMELESS_LIMIT: usize = 1000;

/// The state directory.
pub(super) struct Files {
    state: StateDirectory,
}

impl Files {
    pub(super) fn new(state: StateDirectory) -> Self {
        Self { state }
    }
}

fn told(error: StateError) -> KeepError {
    KeepError(error.to_string())
}

impl Keep for Files {
    fn containers(&mut self) -> Vec<KeptContainer> {
        self.state.read_all("containers")
    }

    fn keep(&mut self, container: &KeptContainer) -> Result<(), KeepError> {
        let name = format!("containers/{}.json", container.identity.id);
        self.state.write(&name, container).map_err(told)
    }

    fn forget(&mut self, id: &str) -> Result<(), KeepError> {
        self.state
            .remove(&format!("containers/{id}.json"))
            .map_err(told)
    }

    fn keep_nameless(&mut self, cgroup: u64, observation: &Observation) -> Result<(), KeepError> {
        let name = format!("nameless/{cgroup}.json");
        self.state.write(&name, observation).map_err(told)?;
        self.state.trim("nameless", NAMELESS_LIMIT);
        Ok(())
    }

    fn learned(&mut self) -> LearnedBaseline {
        self.state.read("learned.json").unwrap_or_default()
    }

    fn keep_learned(&mut self, learned: &LearnedBaseline) -> Result<(), KeepError> {
        self.state.write("learned.json", learned).map_err(told)
    }

    fn keep_filter(&mut self, hash: &str, instructions: &[u64]) -> Result<(), KeepError> {
        let bytes: Vec<u8> = instructions
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        self.state
            .write_once(&format!("filters/{hash}.bpf"), &bytes)
            .map_err(told)
    }

    fn filter(&mut self, hash: &str) -> Option<Vec<u64>> {
        let bytes = self.state.read_bytes(&format!("filters/{hash}.bpf"))?;
        let (words, rest) = bytes.as_chunks();
        rest.is_empty()
            .then(|| words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
    }
}
