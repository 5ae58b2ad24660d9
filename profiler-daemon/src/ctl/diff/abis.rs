//! The same change under several ABIs, said once.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Line, Sorted};
use crate::seccomp::arch::Arch;

/// What lines are about that change alike under the same ABIs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::ctl) struct Shared {
    /// `x86_64, x32`.
    pub abis: String,
    /// Where most calls of an ABI change alike: which do not.
    pub(super) most: Vec<String>,
    /// Names of calls, sorted.
    pub(super) named: Vec<String>,
    /// Numbers and ranges of them that no table names.
    pub(super) nameless: Vec<String>,
}

impl Shared {
    /// All of it in one line.
    pub(in crate::ctl) fn list(&self) -> String {
        let rest = [self.named.as_slice(), self.nameless.as_slice()].concat();
        let lists = [self.most.join("; "), rest.join(", ")];
        let lists: Vec<String> = lists.into_iter().filter(|list| !list.is_empty()).collect();
        lists.join("; ")
    }
}

/// What lines that change alike are about, by the ABIs in which they do.
pub(in crate::ctl) fn by_abis(lines: &[&Line]) -> Vec<Shared> {
    let mut subjects: BTreeMap<Sorted, Vec<&'static str>> = BTreeMap::new();
    for line in lines {
        let abi = line.arch.map_or("others", Arch::name);
        subjects.entry(line.sorted()).or_default().push(abi);
    }
    // Of what most of an ABI's calls do the exceptions are told.
    let mut most: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for arch in Arch::ALL {
        let names: BTreeSet<u32> = lines
            .iter()
            .filter(|line| line.arch == Some(arch) && line.is_named())
            .map(|line| line.first)
            .collect();
        if names.len() * 2 <= arch.syscalls().len() {
            continue;
        }
        let mut others: Vec<&str> = arch
            .syscalls()
            .into_iter()
            .filter(|(nr, _)| !names.contains(nr))
            .map(|(_, name)| name)
            .collect();
        others.sort_unstable();
        let text = if others.is_empty() {
            "all with a name".to_owned()
        } else {
            format!("all with a name but {}", others.join(", "))
        };
        most.entry(text).or_default().push(arch.name());
        for ((is_nameless, ..), abis) in &mut subjects {
            abis.retain(|abi| *is_nameless || *abi != arch.name());
        }
    }
    let mut groups: BTreeMap<String, Shared> = BTreeMap::new();
    for (text, abis) in most {
        shared(&mut groups, abis).most.push(text);
    }
    for ((is_nameless, _, subject), abis) in subjects {
        if abis.is_empty() {
            continue;
        }
        let shared = shared(&mut groups, abis);
        if is_nameless {
            shared.nameless.push(subject);
        } else {
            shared.named.push(subject);
        }
    }
    groups.into_values().collect()
}

/// What is known of these ABIs together.
fn shared<'g>(
    groups: &'g mut BTreeMap<String, Shared>,
    mut abis: Vec<&'static str>,
) -> &'g mut Shared {
    // x86_64 before x32 before i386.
    abis.sort_unstable_by(|one, two| two.cmp(one));
    abis.dedup();
    let abis = abis.join(", ");
    groups.entry(abis.clone()).or_insert_with(|| Shared {
        abis,
        ..Shared::default()
    })
}
