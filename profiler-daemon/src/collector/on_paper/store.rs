//! The store on paper.

use std::path::PathBuf;

use super::{Ground, Reached};
use crate::{
    collector::ports::{Keep, KeepError, KeepFacts, KeptContainer, KeptVersion, Reach},
    profile::{
        baseline::learned::LearnedBaseline,
        basis::Basis,
        completeness::Completeness,
        observation::Observation,
        version::{Author, Head, NewVersion, Reason, Subject, Version},
    },
};

impl Keep for Ground {
    fn container_ids(&mut self) -> Result<Vec<String>, KeepError> {
        let paper = self.paper();
        let read = paper.reached == Reached::Always;
        Ok(paper.kept.keys().filter(|_| read).cloned().collect())
    }

    fn container(&mut self, id: &str) -> Result<Option<KeptContainer>, KeepError> {
        Ok(self.paper().kept.get(id).cloned())
    }

    fn keep(&mut self, container: &KeptContainer) -> Result<(), KeepError> {
        let id = container.identity.id.clone();
        self.written()?.kept.insert(id, container.clone());
        Ok(())
    }

    fn forget(&mut self, id: &str) -> Result<(), KeepError> {
        self.written()?.kept.remove(id);
        Ok(())
    }

    fn set_aside(&mut self, id: &str, container: &KeptContainer) -> Result<(), KeepError> {
        self.keep(container)?;
        let mut paper = self.paper();
        paper.kept.remove(id);
        let before = Subject::Container(id.to_owned());
        let after = Subject::Container(container.identity.id.clone());
        if let Some(versions) = paper.versions.remove(&before) {
            paper.versions.insert(after.clone(), versions);
        }
        if let Some(number) = paper.promoted.remove(&before) {
            paper.promoted.insert(after, number);
        }
        Ok(())
    }

    fn keep_nameless(&mut self, cgroup: u64, _observation: &Observation) -> Result<(), KeepError> {
        self.written()?.nameless.push(cgroup);
        Ok(())
    }

    fn learned(&mut self) -> LearnedBaseline {
        LearnedBaseline::default()
    }

    fn keep_learned(&mut self, _learned: &LearnedBaseline) -> Result<(), KeepError> {
        Ok(())
    }

    fn keep_filter(&mut self, _hash: &str, _instructions: &[u64]) -> Result<(), KeepError> {
        Ok(())
    }

    fn filter(&mut self, _hash: &str) -> Option<Vec<u64>> {
        None
    }

    fn heads(&mut self) -> Result<Vec<(Subject, Head)>, KeepError> {
        let paper = self.paper();
        let heads = paper.versions.iter();
        let newest = heads.filter_map(|(of, all)| Some((of.clone(), all.last()?.clone())));
        Ok(newest.collect())
    }

    fn keep_version(&mut self, new: &NewVersion) -> Result<Head, KeepError> {
        let mut paper = self.paper();
        let all = paper.versions.entry(new.subject.clone()).or_default();
        let head = Head {
            number: all.len() as u64 + 1,
            digest: new.digest.clone(),
        };
        all.push(head.clone());
        Ok(head)
    }

    fn versions(&mut self, _subject: &Subject) -> Result<Vec<Version>, KeepError> {
        Ok(Vec::new())
    }

    fn version(
        &mut self,
        subject: &Subject,
        number: u64,
    ) -> Result<Option<KeptVersion>, KeepError> {
        // Of the others nobody asks; what any rests on is on no paper.
        let promoted = self.paper().promoted.get(subject) == Some(&number);
        Ok(promoted.then(|| KeptVersion {
            version: Version {
                number,
                parent: None,
                author: Author::Recorder,
                reason: Reason::Ended,
                digest: String::new(),
                created_ms: 0,
                promoted_ms: None,
                promoted_by: None,
                origins: Vec::new(),
                calls: 0,
                changes: Vec::new(),
            },
            basis: Basis::default(),
            completeness: Completeness::default(),
        }))
    }

    fn promote(
        &mut self,
        subject: &Subject,
        number: u64,
        _by: Option<&str>,
        _now_ms: u64,
    ) -> Result<bool, KeepError> {
        self.paper().promoted.insert(subject.clone(), number);
        Ok(true)
    }

    fn promoted(&mut self) -> Result<Vec<(Subject, u64)>, KeepError> {
        let paper = self.paper();
        let all = paper.promoted.iter();
        Ok(all.map(|(of, number)| (of.clone(), *number)).collect())
    }

    fn images(&mut self) -> Result<Vec<(String, String)>, KeepError> {
        Ok(Vec::new())
    }

    fn tidy(&mut self, trusted_ms: Option<u64>) -> Result<bool, KeepError> {
        self.paper().tidied.push(trusted_ms);
        // There is always more, so that it is asked each time.
        Ok(true)
    }

    fn facts(&mut self) -> Result<KeepFacts, KeepError> {
        Ok(KeepFacts {
            path: PathBuf::from("paper"),
            bytes: 0,
            versions: 0,
        })
    }

    fn shut(&self) -> Option<&str> {
        None
    }

    fn retry(&mut self) -> Reach {
        let mut paper = self.paper();
        if paper.reached != Reached::Just {
            return Reach::Same;
        }
        paper.reached = Reached::Always;
        Reach::Found
    }
}
