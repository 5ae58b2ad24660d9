//! An object's fields as Go's JSON reader finds them, and what it makes of their values.
//!
//! Go takes a field's name in any case and lets the last of several count; `null` is as if the
//! field were not there. All of that is taken, and told. Shared with the OCI form.

use crate::seccomp::{
    dialects::{
        json::{Member, Node, Value},
        placed::Placed,
    },
    facts::spelling::{choice, nearest, shortened},
    finding::{Findings, Level, Place},
};

/// The fields of one object that are known to its reader.
pub(in crate::seccomp) struct Fields<'n, 't> {
    found: Vec<(&'static str, &'n Node<'t>)>,
}

impl<'n, 't> Fields<'n, 't> {
    /// Sorts out an object's members. `what` names the object: `a rule`. `foreign` are fields that
    /// mean something elsewhere, each with what there is to say of it.
    pub(in crate::seccomp) fn of(
        members: &'n [Member<'t>],
        what: &str,
        known: &[&'static str],
        foreign: &[(&'static str, &str)],
        findings: &mut Findings,
    ) -> Self {
        let mut found: Vec<(&'static str, &'n Node<'t>)> = Vec::new();
        for member in members {
            let Some(name) = known.iter().copied().find(|name| folds(&member.key, name)) else {
                unknown(member, what, known, foreign, findings);
                continue;
            };
            if member.key != name {
                let place = Some(member.place);
                findings.add(Level::Warning, "field-case", place, || {
                    (
                        format!(
                            "\"{}\" is taken for \"{name}\" by Docker and runc, whose reader does \
                             not tell the case; others ignore it",
                            member.key
                        ),
                        format!("write \"{name}\""),
                    )
                });
            }
            if found.iter().any(|(earlier, _)| *earlier == name) {
                findings.add(
                    Level::Warning,
                    "duplicate-field",
                    Some(member.place),
                    || {
                        (
                            format!("{what} has \"{name}\" more than once; the last one counts"),
                            "keep one".to_owned(),
                        )
                    },
                );
                found.retain(|(earlier, _)| *earlier != name);
            }
            found.push((name, &member.value));
        }
        Self { found }
    }

    /// A field's value; none if it is absent or `null`.
    pub(in crate::seccomp) fn get(&self, name: &str) -> Option<&'n Node<'t>> {
        self.found
            .iter()
            .find(|(known, node)| *known == name && node.value != Value::Null)
            .map(|(_, node)| *node)
    }

    pub(in crate::seccomp) fn string(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Placed<String>> {
        string(self.get(name)?, name, findings)
    }

    /// A string that says something: Go does not tell an empty one from none.
    pub(in crate::seccomp) fn text(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Placed<String>> {
        self.string(name, findings).filter(|text| !text.is_empty())
    }

    pub(in crate::seccomp) fn number(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Placed<u64>> {
        let node = self.get(name)?;
        let number = match &node.value {
            Value::Number(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()
            }
            _ => None,
        };
        if number.is_none() {
            let written = match &node.value {
                Value::Number(digits) if digits.len() <= 24 => (*digits).to_owned(),
                _ => node.kind().to_owned(),
            };
            mistyped(
                node.place,
                format!(
                    "\"{name}\" must be a whole number from 0 to 18446744073709551615, without a \
                     sign, point or exponent; {written} is refused"
                ),
                "write the number in decimal digits, without quotes",
                findings,
            );
        }
        number.map(|number| Placed::at(number, node.place))
    }

    /// The elements of a list; none if it is absent.
    pub(in crate::seccomp) fn list(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<&'n [Node<'t>]> {
        let node = self.get(name)?;
        if let Value::Array(elements) = &node.value {
            return Some(elements);
        }
        mistyped(
            node.place,
            format!("\"{name}\" must be a list; {} is refused", node.kind()),
            "put it between [ and ]",
            findings,
        );
        None
    }

    /// A list of strings; `null` among them is an empty string to Go.
    pub(in crate::seccomp) fn strings(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Vec<Placed<String>>> {
        let elements = self.list(name, findings)?;
        Some(
            elements
                .iter()
                .filter_map(|element| match element.value {
                    Value::Null => Some(Placed::at(String::new(), element.place)),
                    _ => string(element, name, findings),
                })
                .collect(),
        )
    }

    /// The members of an object; none if it is absent.
    pub(in crate::seccomp) fn object(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<&'n [Member<'t>]> {
        members(self.get(name)?, &format!("\"{name}\""), findings)
    }
}

/// The members of a value that has to be an object; `what` names it.
pub(in crate::seccomp) fn members<'n, 't>(
    node: &'n Node<'t>,
    what: &str,
    findings: &mut Findings,
) -> Option<&'n [Member<'t>]> {
    if let Value::Object(members) = &node.value {
        return Some(members);
    }
    mistyped(
        node.place,
        format!("{what} must be an object; {} is refused", node.kind()),
        "put it between { and }",
        findings,
    );
    None
}

fn string(node: &Node<'_>, name: &str, findings: &mut Findings) -> Option<Placed<String>> {
    if let Value::String(text) = &node.value {
        return Some(Placed::at(text.clone().into_owned(), node.place));
    }
    mistyped(
        node.place,
        format!("\"{name}\" takes strings; {} is refused", node.kind()),
        "put it between quotes",
        findings,
    );
    None
}

fn mistyped(place: Place, what: String, mend: &str, findings: &mut Findings) {
    findings.add(Level::Error, "wrong-type", Some(place), || {
        (what, mend.to_owned())
    });
}

fn unknown(
    member: &Member<'_>,
    what: &str,
    known: &[&'static str],
    foreign: &[(&'static str, &str)],
    findings: &mut Findings,
) {
    let place = Some(member.place);
    if let Some((name, said)) = foreign.iter().find(|(name, _)| member.key == *name) {
        findings.add(Level::Warning, "foreign-field", place, || {
            (format!("\"{name}\" {said}"), format!("remove \"{name}\""))
        });
        return;
    }
    findings.add(Level::Warning, "unknown-field", place, || {
        let near = nearest(&member.key, known.iter().copied());
        let mend = if near.is_empty() {
            format!(
                "the fields of {what} are {}",
                choice(known).replace(" or ", " and ")
            )
        } else {
            format!("did you mean {}?", choice(&near))
        };
        (
            format!(
                "{what} has no field \"{}\"; it is ignored",
                shortened(&member.key)
            ),
            mend,
        )
    });
}

/// What may have been meant of a list of words, or all of them. Their common beginning may have
/// been left out.
pub(in crate::seccomp) fn suggested(wrong: &str, all: &[&str]) -> String {
    let end = format!("_{}", wrong.to_ascii_uppercase());
    let near = match all.iter().find(|word| word.ends_with(&end)) {
        Some(meant) => vec![*meant],
        None => nearest(wrong, all.iter().copied()),
    };
    if near.is_empty() {
        format!("write {}", choice(all))
    } else {
        format!("did you mean {}?", choice(&near))
    }
}

/// True if Go takes the key for the field's name. Two letters outside ASCII fold into it.
fn folds(key: &str, name: &str) -> bool {
    let folded = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    key.chars()
        .map(folded)
        .eq(name.chars().map(|letter| letter.to_ascii_lowercase()))
}
