//! Where what is loaded for a container is not what its engine was asked for, and why.
//!
//! The way is: asked of the engine, resolved into the bundle, loaded by the runtime and its
//! libseccomp. What these two are known to make of a profile is no mistake of anybody's, but no
//! less a difference: each has its reason. What they do not explain is the finding that counts.

use serde::{Deserialize, Serialize};

use super::{
    active::{Active, Source},
    asked_for::{AskedFor, Rules, asked_for},
    dropped_bits::alike_without,
    evidence::Evidence,
    reason::{Reason, reason},
};
use crate::seccomp::{
    arch::Arch,
    diagram::{Diagrams, Node, TooLarge},
    difference::{Difference, Direction, differences},
    filter::symbolic::stacked,
    meaning::{Host, MeaningError, Runtime, as_runc, exact},
    policy::Policy,
};

/// Calls of one finding that are told.
const MOST_CALLS: usize = 8;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Other calls are let through than was asked for.
    Warning,
    /// The same calls are let through; some refused ones get another answer.
    Note,
}

/// One thing in which the filter in force is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedFinding {
    /// A stable word: `not_what_was_asked`, `name_too_new`, …
    pub code: String,
    /// How grave it is.
    pub gravity: Gravity,
    /// The reason, in a sentence.
    pub text: String,
    /// The first calls for which it makes a difference.
    pub calls: Vec<Differing>,
    /// How many more there are.
    pub more: u64,
    /// Calls get through that were to be refused, or it cannot be said that none do.
    #[serde(default)]
    pub loosens: bool,
}

/// A call, or numbers without a name, that is answered otherwise than was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// `keyctl`, `socket (i386)`, `#0x1d6-0x1ff`.
    pub call: String,
    /// The arguments of one call that shows it.
    pub args: [u64; 6],
    /// What was asked for it to answer: `allow`, `errno 1`.
    pub asked: String,
    /// What is answered.
    pub loaded: String,
}

/// Compares what is in force with what was asked for. Empty where they are the same, or where
/// either is not known.
///
/// # Errors
/// One of them is too intricate to be decided exactly.
pub fn loaded(
    diagrams: &mut Diagrams,
    evidence: &Evidence,
    active: &Active,
) -> Result<Vec<LoadedFinding>, TooLarge> {
    let Ok(programs) = active.programs() else {
        return Ok(Vec::new());
    };
    let none = programs.is_empty();
    let rules = match asked_for(evidence) {
        AskedFor::Unknown(why) => {
            let told = why.map(|why| whole("not_compared", Gravity::Note, why));
            return Ok(told.into_iter().collect());
        }
        AskedFor::Nothing(word) if !none => {
            let text = format!("{word} asks for no filter, and yet one is loaded");
            return Ok(vec![whole(
                "loaded_though_unconfined",
                Gravity::Warning,
                text,
            )]);
        }
        AskedFor::DefaultNothing if !none => {
            let text = "the engine's default is no filter, and yet one is loaded".to_owned();
            return Ok(vec![whole(
                "loaded_though_unconfined",
                Gravity::Warning,
                text,
            )]);
        }
        AskedFor::DefaultNothing => {
            let text = "no profile was asked for, and the engine's default is none: every \
                        container that names none runs without a filter";
            return Ok(vec![whole(
                "default_unconfined",
                Gravity::Warning,
                text.to_owned(),
            )]);
        }
        AskedFor::Nothing(_) => return Ok(Vec::new()),
        AskedFor::Own(Rules { policy: None, .. }) => return Ok(Vec::new()),
        AskedFor::Own(_) if none => {
            let privileged = evidence
                .asked
                .as_ref()
                .is_some_and(|asked| asked.privileged);
            let text = if privileged {
                "a profile was asked for, and no filter is loaded: Docker before 22.06 ignores the \
                 profile of a privileged container"
            } else {
                "a profile was asked for, and no filter is loaded"
            };
            return Ok(vec![whole(
                "none_though_asked",
                Gravity::Warning,
                text.to_owned(),
            )]);
        }
        AskedFor::Default(_) if none => {
            let text = "the engine's default profile was asked for, and no filter is loaded";
            return Ok(vec![whole(
                "none_though_asked",
                Gravity::Warning,
                text.to_owned(),
            )]);
        }
        AskedFor::Own(rules) => rules,
        AskedFor::Default(Some(rules)) => rules,
        AskedFor::Default(None) => return Ok(Vec::new()),
    };
    let Some(policy) = &rules.policy else {
        return Ok(Vec::new());
    };
    let in_force = stacked(diagrams, &programs)?;
    compared(diagrams, policy, rules.host, active, in_force)
}

fn compared(
    diagrams: &mut Diagrams,
    policy: &Policy,
    host: Host,
    active: &Active,
    in_force: Node,
) -> Result<Vec<LoadedFinding>, TooLarge> {
    let mut found = Vec::new();
    let named = named();
    let foretold = match as_runc::diagram(diagrams, policy, host) {
        Ok(foretold) => Some(foretold),
        Err(MeaningError::TooLarge(error)) => return Err(error),
        Err(MeaningError::Refused(why)) => {
            let text = format!(
                "the runtime would not load the profile that was asked for ({why}), so another is \
                 in force"
            );
            found.push(whole("not_what_was_asked", Gravity::Warning, text));
            None
        }
    };
    if let Some(foretold) = foretold.filter(|foretold| *foretold != in_force) {
        let all = differences(diagrams, foretold, in_force)?;
        let at = if active.source == Source::Bundle {
            "what the engine wrote into the bundle is not the profile that it was asked for"
        } else {
            "what is loaded is neither the profile that was asked for nor what its runtime is \
             known to make of it"
        };
        let mut group = Group::default();
        for one in &all {
            group.add(one, places(&named, one));
        }
        found.push(group.finding("not_what_was_asked", at.to_owned()));
    }
    let said = exact::diagram(diagrams, policy)?;
    // Without the answer ENOSYS beyond the newest call: what differs from this is its doing.
    let unbound = Host {
        runtime: Runtime::Crun,
        ..host
    };
    let unbound = as_runc::diagram(diagrams, policy, unbound).ok();
    let mut groups: Vec<(Reason, Group)> = Vec::new();
    for one in differences(diagrams, said, in_force)? {
        for place in places(&named, &one) {
            // What nobody explains was told above.
            let explained = foretold.is_some_and(|foretold| {
                same(diagrams, foretold, in_force, place.arch, place.first)
            });
            if !explained {
                continue;
            }
            let is_bound = unbound
                .is_some_and(|unbound| !same(diagrams, unbound, in_force, place.arch, place.first));
            let mut why = reason(policy, host.libseccomp, place.arch, place.first, is_bound);
            if let (Reason::Rules, Some(arch)) = (why, place.arch)
                && alike_without(diagrams, arch, place.first, one.before, one.after)?
            {
                why = if one.direction == Direction::Tightened {
                    Reason::DroppedBits
                } else {
                    Reason::PassedByDroppedBits
                };
            }
            match groups.iter_mut().find(|(known, _)| *known == why) {
                Some((_, group)) => group.add(&one, vec![place]),
                None => {
                    let mut group = Group::default();
                    group.add(&one, vec![place]);
                    groups.push((why, group));
                }
            }
        }
    }
    groups.sort_by_key(|(why, _)| *why);
    let text = |why: Reason| why.text(&active.loader);
    found.extend(groups.into_iter().map(|(why, mut group)| {
        // Nobody sets such bits but to get around a filter, and this one does not let them.
        group.is_grave &= why != Reason::DroppedBits;
        group.finding(why.code(), text(why))
    }));
    Ok(found)
}

fn same(diagrams: &Diagrams, one: Node, two: Node, arch: Option<Arch>, nr: u32) -> bool {
    arch.is_none_or(|arch| {
        diagrams.select_call(one, arch, nr) == diagrams.select_call(two, arch, nr)
    })
}

fn whole(code: &str, gravity: Gravity, text: String) -> LoadedFinding {
    LoadedFinding {
        code: code.to_owned(),
        gravity,
        text,
        calls: Vec::new(),
        more: 0,
        loosens: matches!(
            code,
            "none_though_asked" | "default_unconfined" | "not_what_was_asked"
        ),
    }
}

/// Numbers of one architecture, or of none that is known: one call with a name, or several without.
struct Place {
    arch: Option<Arch>,
    first: u32,
    last: u32,
}

/// Every call with a name, by its number as a filter sees it.
fn named() -> Vec<(u32, Arch)> {
    let all = Arch::ALL.into_iter();
    let mut named: Vec<(u32, Arch)> = all
        .flat_map(|arch| arch.syscalls().into_iter().map(move |(nr, _)| (nr, arch)))
        .collect();
    named.sort_unstable_by_key(|(nr, _)| *nr);
    named
}

/// A difference by the names in it, and the numbers between them.
fn places(named: &[(u32, Arch)], one: &Difference) -> Vec<Place> {
    let is_of = |arch: &Arch| one.first_audit == one.last_audit && arch.audit() == one.first_audit;
    let mut found = Vec::new();
    let mut next = Some(one.first);
    let of_number = |nr: u32| crate::seccomp::summary::arch_of(one.first_audit, nr);
    let known = Arch::ALL.iter().any(is_of);
    let nameless = |first: u32, last: u32| Place {
        arch: of_number(first).filter(|_| known),
        first,
        last,
    };
    let within = |(nr, arch): &&(u32, Arch)| (one.first..=one.last).contains(nr) && is_of(arch);
    for &(nr, arch) in named.iter().filter(within) {
        if let Some(from) = next.filter(|from| *from < nr) {
            found.push(nameless(from, nr - 1));
        }
        found.push(Place {
            arch: Some(arch),
            first: nr,
            last: nr,
        });
        next = nr.checked_add(1);
    }
    if let Some(from) = next.filter(|from| *from <= one.last) {
        found.push(nameless(from, one.last));
    }
    found
}

impl Place {
    fn name(&self) -> String {
        let numbers = || {
            if self.first == self.last {
                format!("#{:#x}", self.first)
            } else {
                format!("#{:#x}-{:#x}", self.first, self.last)
            }
        };
        match self.arch {
            None => "calls of other architectures".to_owned(),
            Some(arch) => {
                let name = arch.syscall(self.first).filter(|_| self.first == self.last);
                let name = name.map_or_else(numbers, str::to_owned);
                if arch == Arch::X86_64 {
                    name
                } else {
                    format!("{name} ({})", arch.name())
                }
            }
        }
    }

    /// The machine's own calls first, those without a name last.
    const fn rank(&self) -> u8 {
        match self.arch {
            Some(Arch::X86_64) if self.first == self.last => 0,
            Some(_) if self.first == self.last => 1,
            _ => 2,
        }
    }
}

/// Differences with one reason.
#[derive(Default)]
struct Group {
    calls: Vec<(u8, Differing)>,
    is_grave: bool,
    loosens: bool,
}

impl Group {
    fn add(&mut self, one: &Difference, places: Vec<Place>) {
        self.is_grave |= one.direction != Direction::Answer;
        self.loosens |= matches!(one.direction, Direction::Loosened | Direction::Both);
        for place in places {
            let differing = Differing {
                call: place.name(),
                args: one.witness.args,
                asked: one.answered.to_string(),
                loaded: one.answers.to_string(),
            };
            self.calls.push((place.rank(), differing));
        }
    }

    /// The machine's own calls with a name are told first.
    fn finding(mut self, code: &str, text: String) -> LoadedFinding {
        self.calls.sort_by_key(|(rank, _)| *rank);
        let more = self.calls.len().saturating_sub(MOST_CALLS) as u64;
        let calls = self.calls.into_iter().take(MOST_CALLS);
        LoadedFinding {
            code: code.to_owned(),
            gravity: if self.is_grave {
                Gravity::Warning
            } else {
                Gravity::Note
            },
            text,
            calls: calls.map(|(_, differing)| differing).collect(),
            more,
            loosens: self.loosens,
        }
    }
}

#[cfg(test)]
#[path = "loaded_tests.rs"]
mod tests;
