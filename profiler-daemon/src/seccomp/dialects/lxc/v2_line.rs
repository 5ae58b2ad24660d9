//! One line of LXC's version 2: a name, what to do, and conditions in brackets.
//!
//! Takes just what LXC 5.0.2 takes and reports what that makes of the rest.

use super::MAX_ERRNO;
use crate::seccomp::{
    action::Action,
    condition::{Condition, Operator},
    dialects::text::{self, Line},
    facts::spelling::shortened,
    finding::Findings,
    policy::Rule,
};

/// EACCES, which `reject_force_umount` answers.
const EACCES: u16 = 13;

/// LXC's own name for a rule on `umount2`.
const REJECT_FORCE_UMOUNT: &str = "reject_force_umount";

/// MNT_FORCE, in the second argument of `umount2`.
const MNT_FORCE: u64 = 1;

/// The signs that LXC takes beside libseccomp's names.
const SIGNS: [(&str, Operator); 7] = [
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    ("<=", Operator::LessOrEqual),
    ("==", Operator::Equal),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
    ("&=", Operator::MaskedEqual),
];

/// Reads a rule; `None` if it is none, or a finding says why not.
pub(super) fn read(line: Line<'_>, usual: Action, findings: &mut Findings) -> Option<Rule> {
    let (name, rest) = line.text.split_once(' ').unwrap_or((line.text, ""));
    if name == REJECT_FORCE_UMOUNT {
        return Some(reject_force_umount());
    }
    let action = read_action_after_name(line, rest, usual, findings)?;
    let conditions = if line.text.contains('[') {
        read_conditions(line, rest, findings)?
    } else {
        Vec::new()
    };
    if name.is_empty() {
        return None;
    }
    text::report_unknown(name, line, findings);
    Some(Rule {
        names: vec![name.to_owned()],
        action,
        conditions,
    })
}

fn reject_force_umount() -> Rule {
    Rule {
        names: vec!["umount2".to_owned()],
        action: Action::Errno(EACCES),
        conditions: vec![Condition {
            index: 1,
            operator: Operator::MaskedEqual,
            value: MNT_FORCE,
            value_two: MNT_FORCE,
        }],
    }
}

fn read_action_after_name(
    line: Line<'_>,
    rest: &str,
    usual: Action,
    findings: &mut Findings,
) -> Option<Action> {
    let rest = rest.trim_start_matches(' ');
    if rest.is_empty() || rest.starts_with('#') {
        return Some(usual);
    }
    read_action(line, rest, findings)
}

/// An action, of which LXC compares the beginning only: `kill_process` is `kill`.
pub(super) fn read_action(line: Line<'_>, text: &str, findings: &mut Findings) -> Option<Action> {
    const PLAIN: [(&str, Action); 4] = [
        ("kill", Action::KillThread),
        ("allow", Action::Allow),
        ("trap", Action::Trap(0)),
        ("notify", Action::Notify),
    ];
    if let Some(rest) = text.strip_prefix("errno") {
        return read_errno(line, rest, findings);
    }
    for (word, action) in PLAIN {
        if let Some(rest) = text.strip_prefix(word) {
            report_rest(line, word, rest, findings);
            return Some(action);
        }
    }
    let mend = if text.starts_with('[') {
        "write the action before the conditions: allow, errno 1, kill, trap or notify"
    } else {
        "write allow, errno and a number, kill, trap or notify"
    };
    findings.error(
        line.place(text),
        "unknown-action",
        format!(
            "LXC has no action \"{}\" and refuses the profile",
            shortened(first_word(text))
        ),
        mend,
    );
    None
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

fn report_rest(line: Line<'_>, word: &str, rest: &str, findings: &mut Findings) {
    let beside = rest.split(['#', '[']).next().unwrap_or(rest);
    if beside.trim().is_empty() {
        return;
    }
    findings.warning(
        line.place(rest),
        "ignored-text",
        format!("LXC reads {word} and does not look at the rest of the action"),
        "leave it out",
    );
}

/// As `sscanf("%d")` does: blanks, a sign, digits, and the rest is not looked at.
fn read_errno(line: Line<'_>, rest: &str, findings: &mut Findings) -> Option<Action> {
    let text = rest.trim_start();
    let after = text.trim_start_matches(|next: char| next.is_ascii_digit());
    let digits = text.get(..text.len() - after.len()).unwrap_or("");
    let errno = digits
        .parse::<u16>()
        .ok()
        .filter(|errno| *errno <= MAX_ERRNO);
    let Some(errno) = errno else {
        findings.error(
            line.place(text),
            "bad-errno",
            "LXC wants a number from 0 to 4094 after errno, and refuses the profile",
            "write errno 1 for EPERM, errno 38 for ENOSYS",
        );
        return None;
    };
    report_rest(line, "the number", after, findings);
    Some(Action::Errno(errno))
}

/// The conditions. LXC cuts the whole line at each `]`, so that every piece must have a `[`.
fn read_conditions(line: Line<'_>, rest: &str, findings: &mut Findings) -> Option<Vec<Condition>> {
    /// LXC looks at no more.
    const MOST: usize = 6;
    let mut conditions: Vec<Condition> = Vec::new();
    for piece in rest.split(']').filter(|piece| !piece.is_empty()).take(MOST) {
        let condition = piece
            .split_once('[')
            .and_then(|(_, inside)| read_condition(inside));
        let Some(condition) = condition else {
            findings.error(
                line.place(piece),
                "bad-condition",
                "LXC can't read this condition and refuses the profile",
                "write [index,value,operator] or [index,mask's result,SCMP_CMP_MASKED_EQ,mask] without blanks, \
                 and nothing after the last bracket",
            );
            return None;
        };
        if conditions
            .iter()
            .any(|other| other.index == condition.index)
        {
            findings.error(
                line.place(piece),
                "duplicate-index",
                format!(
                    "argument {} is compared twice, and LXC refuses the profile",
                    condition.index
                ),
                "write one condition an argument",
            );
            return None;
        }
        conditions.push(condition);
    }
    Some(conditions)
}

/// `index,value,op` or `index,value,op,mask`.
fn read_condition(inside: &str) -> Option<Condition> {
    let mut parts = inside.split(',');
    let index = number(parts.next()?)?;
    let value = number(parts.next()?)?;
    let sign = parts.next()?;
    let operator = Operator::named(sign).or_else(|| {
        SIGNS
            .into_iter()
            .find(|(known, _)| *known == sign)
            .map(|(_, operator)| operator)
    })?;
    // LXC takes a comma with nothing after it for no mask, and does not look at further parts.
    let mask = match parts.next() {
        None | Some("") => 0,
        Some(mask) => number(mask)?,
    };
    let index = u8::try_from(index)
        .ok()
        .filter(|index| *index <= Condition::MAX_INDEX)?;
    Some(match operator {
        Operator::MaskedEqual => Condition {
            index,
            operator,
            value: mask,
            // libseccomp masks what the argument is compared with.
            value_two: value & mask,
        },
        _ => Condition {
            index,
            operator,
            value,
            value_two: 0,
        },
    })
}

/// A number as C writes it: `0x…` is hexadecimal, `0…` octal.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_start_matches(' ');
    let (digits, radix) = if let Some(digits) = text.strip_prefix("0x") {
        (digits, 16)
    } else if text.len() > 1 && text.starts_with('0') {
        (text, 8)
    } else {
        (text, 10)
    };
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}
