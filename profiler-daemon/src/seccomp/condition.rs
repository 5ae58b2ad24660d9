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

    /// Reads a condition as a person writes it, and as it is shown: `a0==40`, `a1 < -1`,
    /// `a0 & 0x7e020000 == 0`. Nothing if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (left, operator, right) = SIGNS.into_iter().find_map(|(sign, operator)| {
            let (left, right) = text.split_once(sign)?;
            Some((left, operator, right))
        })?;
        let right = number(right.trim())?;
        let (argument, operator, value, value_two) = match left.split_once('&') {
            Some((argument, mask)) if operator == Operator::Equal => {
                (argument, Operator::MaskedEqual, number(mask.trim())?, right)
            }
            Some(_) => return None,
            None => (left, operator, right, 0),
        };
        let digit = argument.trim().strip_prefix('a')?;
        let index = number(digit).and_then(|index| u8::try_from(index).ok())?;
        (index <= Self::MAX_INDEX).then_some(Self {
            index,
            operator,
            value,
            value_two,
        })
    }
}

/// How operators are written; longer ones first, of those that begin alike.
const SIGNS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// A number of at most 64 bits as a person writes it: decimal, hexadecimal with `0x`, or negative.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    let (is_negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text),
    };
    let hexadecimal = size.strip_prefix("0x").or_else(|| size.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((size, 10), |digits| (digits, 16));
    // Rust would take a sign.
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if !is_negative {
        return Some(size);
    }
    (size <= 1 << 63).then(|| size.wrapping_neg())
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

#[cfg(test)]
mod tests {
    use super::{Condition, number};

    #[test]
    fn conditions_are_read_as_they_are_shown() {
        for (text, shown) in [
            ("a0==40", "a0 == 0x28"),
            ("a5 > 18446744073709551615", "a5 > 0xffffffffffffffff"),
            ("a0 & 0x7e020000 == 0", "a0 & 0x7e020000 == 0x0"),
            ("a0&3==1", "a0 & 0x3 == 0x1"),
            ("a1>=-1", "a1 >= 0xffffffffffffffff"),
            (" a2 != 0 ", "a2 != 0x0"),
            ("a3<9", "a3 < 0x9"),
            ("a4<=9", "a4 <= 0x9"),
        ] {
            let read = Condition::parse(text).unwrap();
            assert_eq!(read.to_string(), shown);
            assert_eq!(Condition::parse(shown), Some(read));
        }
        for bad in [
            "",
            "a0",
            "a0==",
            "==1",
            "0==1",
            "a6==1",
            "a-1==1",
            "a0=1",
            "a0==x",
            "a0==+1",
            "a0&1!=1",
            "a0&==1",
            "a0==1==2",
            "a0==18446744073709551616",
            "a256==1",
            "b0==1",
        ] {
            assert_eq!(Condition::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, read) in [
            ("40", 40),
            ("0x100000028", 0x1_0000_0028),
            ("0XfF", 255),
            ("-1", u64::MAX),
            ("-0x1", u64::MAX),
            ("-9223372036854775808", 1 << 63),
        ] {
            assert_eq!(number(text), Some(read), "{text}");
        }
        for bad in [
            "",
            "-",
            "--1",
            "+1",
            "-+1",
            "0x",
            "0x+1",
            "0x-1",
            "1e3",
            "-9223372036854775809",
            "18446744073709551616",
            "AF_INET",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
