//! One rule of a profile.

use std::fmt;

use super::vocabulary::ActionName;
use crate::seccomp::{
    condition::{Condition, Operator},
    dialects::placed::Placed,
};

/// One rule: what to do with some calls, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it begins.
    pub begins: Placed<()>,
    /// One name, as Docker up to 1.13 had it; not beside `names`.
    pub name: Option<Placed<String>>,
    /// Names of calls.
    pub names: Vec<Placed<String>>,
    /// What to do.
    pub action: Placed<ActionName>,
    /// The errno of `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`; without it EPERM.
    pub errno_ret: Option<Placed<u64>>,
    /// podman's: the errno by name or number; it goes before `errno_ret`, under podman.
    pub errno: Option<Placed<String>>,
    /// Conditions on the arguments.
    pub args: Vec<Argument>,
    /// For people.
    pub comment: String,
    /// The rule is there only if all of this holds.
    pub includes: Conditions,
    /// The rule is not there if any of this holds.
    pub excludes: Conditions,
}

impl Rule {
    /// A rule without conditions.
    #[must_use]
    pub fn of(action: ActionName, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            begins: Placed::default(),
            name: None,
            names: names.into_iter().map(|name| name.into().into()).collect(),
            action: action.into(),
            errno_ret: None,
            errno: None,
            args: Vec::new(),
            comment: String::new(),
            includes: Conditions::default(),
            excludes: Conditions::default(),
        }
    }

    /// Its names, in whichever field they are.
    pub fn all_names(&self) -> impl Iterator<Item = &Placed<String>> {
        self.name.iter().chain(&self.names)
    }

    /// True if it is there for every container on every host.
    #[must_use]
    pub fn is_always_there(&self) -> bool {
        self.includes.is_empty() && self.excludes.is_empty()
    }
}

/// A condition on one argument of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Which argument; there are 0 to 5.
    pub index: Placed<u64>,
    /// What it is compared with; the mask of [`Operator::MaskedEqual`].
    pub value: Placed<u64>,
    /// What the masked argument must be; other operators ignore it.
    pub value_two: Placed<u64>,
    /// How it is compared.
    pub op: Placed<Operator>,
}

impl Argument {
    /// The condition, if there is such an argument.
    #[must_use]
    pub fn condition(&self) -> Option<Condition> {
        Some(Condition {
            index: u8::try_from(self.index.value)
                .ok()
                .filter(|index| *index <= Condition::MAX_INDEX)?,
            operator: self.op.value,
            value: self.value.value,
            value_two: self.value_two.value,
        })
    }
}

impl From<Condition> for Argument {
    fn from(condition: Condition) -> Self {
        Self {
            index: u64::from(condition.index).into(),
            value: condition.value.into(),
            value_two: condition.value_two.into(),
            op: condition.operator.into(),
        }
    }
}

/// When a rule is there, or is not. Empty is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Capabilities: all of them to include a rule, any of them to exclude it.
    pub caps: Vec<Placed<String>>,
    /// Docker's names of the machine's own architecture: any of them.
    pub arches: Vec<Placed<String>>,
    /// The kernel is this one or newer.
    pub min_kernel: Option<Placed<KernelVersion>>,
}

impl Conditions {
    /// True if it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.caps.is_empty() && self.arches.is_empty() && self.min_kernel.is_none()
    }
}

/// The first two numbers of a kernel's version. 0.0 is older than all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The 4 of 4.8.
    pub kernel: u8,
    /// The 8 of 4.8.
    pub major: u8,
}

impl KernelVersion {
    /// Reads `4.8`, and the empty text as 0.0. Source: moby, `KernelVersion.UnmarshalJSON`.
    ///
    /// # Errors
    /// It is no such version; moby's sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self {
                kernel: 0,
                major: 0,
            });
        }
        let quoted = serde_json::Value::from(text);
        let refused = |cause: &str| {
            format!("invalid kernel version: {quoted}, expected \"<kernel>.<major>\"{cause}")
        };
        let (kernel, major) = match text.split('.').collect::<Vec<_>>()[..] {
            [kernel, major] => (kernel, major),
            _ => return Err(refused("")),
        };
        let number = |digits: &str| {
            // Go takes no sign here, Rust would.
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let digits = serde_json::Value::from(digits);
                let cause = format!(": strconv.ParseUint: parsing {digits}: invalid syntax");
                return Err(refused(&cause));
            }
            digits.parse::<u8>().map_err(|_| {
                let cause =
                    format!(": strconv.ParseUint: parsing \"{digits}\": value out of range");
                refused(&cause)
            })
        };
        let version = Self {
            kernel: number(kernel)?,
            major: number(major)?,
        };
        if (version.kernel, version.major) == (0, 0) {
            return Err(refused(": version cannot be 0.0"));
        }
        Ok(version)
    }
}

impl fmt::Display for KernelVersion {
    /// As it is read; 0.0 is the empty text.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (self.kernel, self.major) == (0, 0) {
            return Ok(());
        }
        write!(out, "{}.{}", self.kernel, self.major)
    }
}

#[cfg(test)]
mod tests {
    use super::KernelVersion;

    #[test]
    fn versions_are_those_of_moby() {
        for text in ["", "4.8", "6.18", "255.255", "0.1"] {
            assert_eq!(KernelVersion::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            KernelVersion::parse("04.08").unwrap(),
            KernelVersion::parse("4.8").unwrap()
        );
        for (text, cause) in [
            ("4", "<major>\""),
            ("4.8.1", "<major>\""),
            ("0.0", "version cannot be 0.0"),
            ("4.256", "value out of range"),
            ("+4.8", "parsing \"+4\": invalid syntax"),
            ("4.", "parsing \"\": invalid syntax"),
        ] {
            let error = KernelVersion::parse(text).unwrap_err();
            assert!(error.ends_with(cause), "{error}");
            assert!(error.starts_with(&format!("invalid kernel version: \"{text}\", expected")));
        }
    }
}
