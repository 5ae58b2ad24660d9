//! A rule's condition on one argument of a call.

use std::fmt;

/// How an argument is compared; always as unsigned numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// argument ≠ value
    NotEqual,
    /// argument < value
    Less,
    /// argument ≤ value
    LessOrEqual,
    /// argument = value
    Equal,
    /// argument ≥ value
    GreaterOrEqual,
    /// argument > value
    Greater,
    /// argument AND value = `value_two`
    MaskedEqual,
}

impl Operator {
    /// All of them, in libseccomp's order.
    pub const ALL: [Self; 7] = [
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Equal,
        Self::GreaterOrEqual,
        Self::Greater,
        Self::MaskedEqual,
    ];

    /// Its name in a profile.
    #[must_use]
    pub const fn scmp(self) -> &'static str {
        match self {
            Self::NotEqual => "SCMP_CMP_NE",
            Self::Less => "SCMP_CMP_LT",
            Self::LessOrEqual => "SCMP_CMP_LE",
            Self::Equal => "SCMP_CMP_EQ",
            Self::GreaterOrEqual => "SCMP_CMP_GE",
            Self::Greater => "SCMP_CMP_GT",
            Self::MaskedEqual => "SCMP_CMP_MASKED_EQ",
        }
    }

    /// The operator of a name in a profile.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.scmp() == name)
    }
}

/// A condition on one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    /// Which argument, 0 to 5.
    pub index: u8,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with; the mask of [`Operator::MaskedEqual`].
    pub value: u64,
    /// What the masked argument must be; other operators ignore it.
    pub value_two: u64,
}

impl Condition {
    /// Greatest index of an argument.
    pub const MAX_INDEX: u8 = 5;

    /// True if the condition holds for a full 64-bit argument.
    #[must_use]
    pub const fn holds(self, argument: u64) -> bool {
        match self.operator {
            Operator::NotEqual => argument != self.value,
            Operator::Less => argument < self.value,
            Operator::LessOrEqual => argument <= self.value,
            Operator::Equal => argument == self.value,
            Operator::GreaterOrEqual => argument >= self.value,
            Operator::Greater => argument > self.value,
            Operator::MaskedEqual => argument & self.value == self.value_two,
        }
    }
}

impl fmt::Display for Condition {
    /// `a0 == 0x28`, `a2 & 0xf == 0x1`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            index,
            value,
            value_two,
            ..
        } = self;
        match self.operator {
            Operator::NotEqual => write!(out, "a{index} != {value:#x}"),
            Operator::Less => write!(out, "a{index} < {value:#x}"),
            Operator::LessOrEqual => write!(out, "a{index} <= {value:#x}"),
            Operator::Equal => write!(out, "a{index} == {value:#x}"),
            Operator::GreaterOrEqual => write!(out, "a{index} >= {value:#x}"),
            Operator::Greater => write!(out, "a{index} > {value:#x}"),
            Operator::MaskedEqual => write!(out, "a{index} & {value:#x} == {value_two:#x}"),
        }
    }
}
