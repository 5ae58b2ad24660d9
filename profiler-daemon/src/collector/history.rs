//! Answers to questions about versions.

use super::{
    Collector,
    answers::{exported, internal},
    command::versions::{Of, VersionCommand},
    ports::KeepError,
    reference,
};
use crate::{
    api::protocol::{
        ErrorBody,
        versions::{History, VersionExport},
    },
    profile::{
        compose::Options,
        version::{Subject, Version},
    },
};

/// What a person meant: its versions' subject, and what to call it.
struct Meant {
    subject: Subject,
    name: String,
}

impl Meant {
    fn kind(&self) -> &'static str {
        match self.subject {
            Subject::Container(_) => "container",
            Subject::Image(_) => "image",
        }
    }

    fn id(&self) -> &str {
        match &self.subject {
            Subject::Container(id) | Subject::Image(id) => id,
        }
    }
}

fn failed(error: &KeepError) -> ErrorBody {
    internal(&error.to_string())
}

impl Collector {
    /// Answers one question. Whoever asked may be gone; that is no error.
    pub(super) fn answer_version(&mut self, command: VersionCommand) {
        match command {
            VersionCommand::History { of, reply } => {
                let _ = reply.send(self.history(&of));
            }
            VersionCommand::Export {
                of,
                number,
                options,
                reply,
            } => {
                let _ = reply.send(self.export_version(&of, number, options));
            }
            VersionCommand::Promote {
                of,
                number,
                by,
                reply,
            } => {
                let _ = reply.send(self.promote(&of, number, by.as_deref()));
            }
        }
    }

    fn history(&mut self, of: &Of) -> Result<History, ErrorBody> {
        let meant = self.meant(of)?;
        let versions = self
            .keep
            .versions(&meant.subject)
            .map_err(|error| failed(&error))?;
        let now = self.places.now_ms();
        let discovery = self
            .current(&meant.subject)
            .and_then(|current| current.discovery(now));
        Ok(History {
            promoted: self.drift.promoted(&meant.subject),
            discovery,
            kind: meant.kind().into(),
            id: meant.id().to_owned(),
            current: self.current_digest(&meant.subject),
            name: meant.name,
            versions,
        })
    }

    /// The digest that a version would have that was made now.
    fn current_digest(&mut self, subject: &Subject) -> Option<String> {
        self.next(subject)
            .ok()
            .flatten()
            .map(|(current, _)| current.digest)
            .or_else(|| self.versions.head(subject).map(|head| head.digest.clone()))
    }

    fn export_version(
        &mut self,
        of: &Of,
        number: u64,
        options: Options,
    ) -> Result<VersionExport, ErrorBody> {
        self.read_losses();
        let meant = self.meant(of)?;
        let kept = self
            .keep
            .version(&meant.subject, number)
            .map_err(|error| failed(&error))?;
        let Some(kept) = kept else {
            return Err(self.no_version(&meant, number));
        };
        // Of what is known now the verdict may have changed since, for it goes with time.
        let next = self.next(&meant.subject);
        let completeness = match next.map_err(|error| failed(&error))? {
            Some((current, _)) if current.digest == kept.version.digest => current.completeness,
            _ => kept.completeness,
        };
        let composed = self.composed(&kept.basis.observation(), None, options);
        let ids = self.ids_of(&meant.subject);
        let containers = ids.iter().map(|id| self.name(id)).collect();
        Ok(VersionExport {
            version: kept.version,
            export: exported(&composed, completeness, containers),
        })
    }

    fn promote(&mut self, of: &Of, number: u64, by: Option<&str>) -> Result<Version, ErrorBody> {
        let meant = self.meant(of)?;
        let now = self.places.now_ms();
        if !self.has_own_history(&meant.subject) {
            return Err(internal(self.keep_failure.as_deref().unwrap_or_default()));
        }
        let promoted = self
            .keep
            .promote(&meant.subject, number, by, now)
            .map_err(|error| failed(&error))?;
        if !promoted {
            return Err(self.no_version(&meant, number));
        }
        self.promoted(&meant.subject, number)
            .map_err(|error| failed(&error))?;
        let kept = self
            .keep
            .version(&meant.subject, number)
            .map_err(|error| failed(&error))?;
        kept.map(|kept| kept.version)
            .ok_or_else(|| internal("the version was dropped meanwhile"))
    }

    /// What a person means.
    fn meant(&mut self, of: &Of) -> Result<Meant, ErrorBody> {
        match of {
            Of::Container(wanted) => {
                let id = reference::resolve(&self.containers, wanted)?;
                Ok(Meant {
                    name: self.name(&id),
                    subject: Subject::Container(id),
                })
            }
            Of::Image(wanted) => {
                let workload = self.workload_meant(wanted)?;
                Ok(Meant {
                    subject: Subject::Image(workload.key),
                    name: workload.name,
                })
            }
        }
    }

    fn no_version(&mut self, meant: &Meant, number: u64) -> ErrorBody {
        let name = &meant.name;
        let numbers: Vec<u64> = match self.keep.versions(&meant.subject) {
            Ok(versions) => versions.iter().rev().map(|one| one.number).collect(),
            Err(error) => return failed(&error),
        };
        let message = if numbers.is_empty() {
            format!(
                "{name} has no version yet: one is made when it showed nothing new for {} s, and when it ends",
                self.versions.quiet().as_secs()
            )
        } else {
            format!(
                "{name} has no version {number}: it has {}",
                ranges(&numbers)
            )
        };
        ErrorBody {
            code: "not_found".into(),
            message,
        }
    }
}

/// Ascending numbers in words: `1, 4 to 9`.
fn ranges(numbers: &[u64]) -> String {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let words: Vec<String> = parts
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first} to {last}")
            }
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn numbers_are_told_in_ranges() {
        assert_eq!(ranges(&[1, 4, 5, 6, 9]), "1, 4 to 6, 9");
        assert_eq!(ranges(&[7]), "7");
    }
}
