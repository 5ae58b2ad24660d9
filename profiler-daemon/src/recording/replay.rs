//! A recording read from text in place of a kernel: for bug reports, and tests without root.
//!
//! One JSON object a line. One with a `news` key is a [`News`], any other a [`Snapshot`]; the last
//! snapshot of a cgroup counts. Empty lines and those that begin with `#` are passed over.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use crate::profile::{
    arguments::{Recorded, deciding},
    call::{Call, CallSet},
    engine_news::SessionKind,
    origin::Phase,
};

use super::{
    news::News,
    source::{LossCount, Snapshot, Source, SourceError, SourceFacts},
};

/// A line that is no news and no snapshot.
#[derive(Debug, Error)]
#[error("line {line}: {source}")]
pub struct ReplayError {
    line: usize,
    source: serde_json::Error,
}

/// What a text told. It does not change by itself.
#[derive(Debug)]
pub struct Replay {
    facts: SourceFacts,
    snapshots: BTreeMap<u64, Snapshot>,
}

impl Replay {
    /// The records of a text, and its news in their order.
    ///
    /// # Errors
    /// A line is neither news nor a snapshot.
    pub fn parse(text: &str) -> Result<(Self, Vec<News>), ReplayError> {
        let mut snapshots = BTreeMap::new();
        let mut news = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let failed = |source| ReplayError {
                line: number,
                source,
            };
            let value: Value = serde_json::from_str(line).map_err(failed)?;
            if value.get("news").is_some() {
                news.push(serde_json::from_value(value).map_err(failed)?);
            } else {
                let snapshot: Snapshot = serde_json::from_value(value).map_err(failed)?;
                snapshots.insert(snapshot.cgroup, snapshot);
            }
        }
        let firsts = snapshots
            .values()
            .filter_map(|snapshot| snapshot.observation.first_ms);
        let counting = snapshots
            .values()
            .any(|snapshot| !snapshot.observation.tallies.is_empty());
        let facts = SourceFacts {
            hooks: "replay",
            counting,
            arguments: snapshots
                .values()
                .any(|snapshot| !snapshot.observation.arguments.is_empty())
                || news.iter().any(|one| matches!(one, News::Arguments { .. })),
            limit: u64::MAX,
            since_ms: firsts.min().unwrap_or(0),
            shortcomings: vec!["nothing is recorded: this is a replay of a file".into()],
        };
        Ok((Self { facts, snapshots }, news))
    }
}

impl Source for Replay {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn cgroups(&mut self) -> Result<Vec<u64>, SourceError> {
        Ok(self.snapshots.keys().copied().collect())
    }

    fn snapshot(&mut self, cgroup: u64) -> Result<Option<Snapshot>, SourceError> {
        Ok(self.snapshots.get(&cgroup).cloned())
    }

    fn release(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.snapshots.remove(&cgroup);
        Ok(())
    }

    fn tell_again(&mut self, _cgroup: u64, _calls: &CallSet) -> Result<(), SourceError> {
        Ok(())
    }

    fn set_phase(&mut self, _cgroup: u64, _phase: Phase) -> Result<(), SourceError> {
        Ok(())
    }

    fn expect(&mut self, _cgroup: u64, _kind: Option<SessionKind>) -> Result<(), SourceError> {
        Ok(())
    }

    fn record_arguments(&mut self, _recorded: &Recorded) -> Result<(), SourceError> {
        Ok(())
    }

    fn recorded_places(&self, call: Call) -> Vec<u8> {
        if self.facts.arguments {
            deciding(call).to_vec()
        } else {
            Vec::new()
        }
    }

    fn losses(&mut self) -> Result<Vec<LossCount>, SourceError> {
        Ok(Vec::new())
    }

    fn filter(&mut self, _hash: u64) -> Result<Option<Vec<u64>>, SourceError> {
        Ok(None)
    }

    fn forget_filter(&mut self, _hash: u64) -> Result<(), SourceError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Replay;
    use crate::recording::{
        news::News,
        source::{Snapshot, Source},
    };

    #[test]
    fn news_and_snapshots_come_back_and_the_last_snapshot_counts() {
        let born = News::Born {
            at_ms: 5,
            cgroup: 7,
        };
        let mut snapshot = Snapshot {
            cgroup: 7,
            ..Snapshot::default()
        };
        let first = serde_json::to_string(&snapshot).unwrap();
        snapshot.gone = true;
        let second = serde_json::to_string(&snapshot).unwrap();
        let news = serde_json::to_string(&born).unwrap();
        let text = format!("# why\n{first}\n\n{news}\n{second}\n");
        let (mut replay, news) = Replay::parse(&text).unwrap();
        assert_eq!(news, [born]);
        assert_eq!(replay.cgroups().unwrap(), [7]);
        assert!(replay.snapshot(7).unwrap().unwrap().gone);
        replay.release(7).unwrap();
        assert!(replay.snapshot(7).unwrap().is_none());
    }

    #[test]
    fn a_bad_line_is_named() {
        for text in ["\n\n{", "#\n\n{\"news\": \"odd\"}", "\n\n{\"cgroup\": -1}"] {
            let error = Replay::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("line 3: "), "{error}");
        }
    }
}
