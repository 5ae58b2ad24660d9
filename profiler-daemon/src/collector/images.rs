//! Answers about all containers of an image together that run the same program of it.

use super::{
    Collector,
    answers::{calls_named, explanation, explanations, exported},
    workloads::named,
};
use crate::{
    api::protocol::{ErrorBody, Explanation, Export},
    profile::{
        abi::Abi,
        call::Call,
        compose::Options,
        merge::{CallCoverage, Merged},
        verdict::judge_together,
        version::Subject,
    },
};

impl Collector {
    pub(super) fn export_image(
        &mut self,
        wanted: &str,
        options: Options,
    ) -> Result<Export, ErrorBody> {
        self.read_losses();
        let replicas = self.replicas(wanted)?;
        let verdicts: Vec<_> = replicas
            .ids()
            .map(|id| (self.name(id), self.judged(id, replicas.of(id))))
            .collect();
        let composed = self.composed(&replicas.union(), None, options);
        let names = verdicts.iter().map(|(name, _)| name.clone()).collect();
        let completeness = judge_together(
            verdicts
                .iter()
                .map(|(name, verdict)| (name.as_str(), verdict.clone())),
        );
        let imported = replicas.ids().filter(|id| self.is_imported(id)).count();
        Ok(Export {
            coverage: Some(replicas.coverage()),
            imported: imported as u64,
            ..exported(&composed, completeness, names)
        })
    }

    pub(super) fn explain_image(
        &mut self,
        wanted: &str,
        call: Option<&str>,
    ) -> Result<Vec<Explanation>, ErrorBody> {
        let calls = call.map(calls_named).transpose()?;
        let replicas = self.replicas(wanted)?;
        let union = replicas.union();
        let composed = self.composed(&union, None, Options::default());
        let mut told = match calls {
            None => explanations(&union, &composed),
            // The other ABIs matter only where a container uses them.
            Some(calls) => calls
                .into_iter()
                .filter(|call| composed.abis.contains(&call.abi))
                .map(|call| explanation(call, &union, &composed))
                .collect(),
        };
        for one in &mut told {
            let call = Abi::named(&one.abi).map(|abi| Call::new(abi, one.nr));
            one.coverage = call.map(|call| self.coverage(&replicas, call));
        }
        Ok(told)
    }

    /// The coverage of a call, the containers by their names.
    fn coverage(&self, replicas: &Merged, call: Call) -> CallCoverage {
        let mut coverage = replicas.coverage_of(call);
        coverage.made_in = coverage.made_in.iter().map(|id| self.name(id)).collect();
        coverage.made_in.sort();
        coverage
    }

    /// The records of all containers of a workload, those that were imported among them.
    pub(super) fn replicas(&mut self, wanted: &str) -> Result<Merged, ErrorBody> {
        let meant = self.workload_meant(wanted)?;
        let mut replicas = Merged::default();
        for id in self.ids_of(&Subject::Image(meant.key)) {
            if let Some(observation) = self.observed(&id) {
                replicas.add(id, observation);
            }
        }
        if replicas.is_empty() {
            return Err(self.nothing_run_as(&named(wanted)?));
        }
        Ok(replicas)
    }
}
