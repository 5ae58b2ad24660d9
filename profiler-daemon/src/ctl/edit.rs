//! `profilectl edit`: a profile with some calls allowed and others refused, and nothing else
//! changed.

use super::{
    delivery::deliver,
    exit::{ExitStatus, Failure},
    operand::{Operand, Subject, load},
    policy_wording::number,
    profile_args::EditArgs,
    terminal::Terminal,
};
use crate::{
    api::client::Client,
    seccomp::{
        arch::Arch,
        condition::{Condition, Operator},
        dialects::{
            Document,
            docker::{
                self, Indent,
                edit::{Allowed, Changed, Wanted, edit},
            },
        },
    },
};

pub(super) async fn run(
    args: &EditArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let bad = |message: String| Failure::new(ExitStatus::BadInput, message);
    if args.allow.is_empty() && args.deny.is_empty() {
        return Err(bad(
            "nothing to change: say --allow CALL,… or --deny CALL,…".to_owned(),
        ));
    }
    let wanted = Wanted {
        allow: args
            .allow
            .iter()
            .map(|word| allowed(word))
            .collect::<Result<_, _>>()?,
        deny: args.deny.clone(),
    };
    let operand = load(&args.profile, client, Arch::X86_64).await?;
    let Operand {
        title,
        subject: Subject::Document(Document::Profile(profile)),
        ..
    } = operand
    else {
        return Err(bad(format!(
            "{} is no profile in Docker's dialect: `profilectl convert` makes one of it",
            operand.title
        )));
    };
    let (edited, changes) = edit(&profile, &wanted).map_err(|error| bad(error.to_string()))?;
    deliver(
        &docker::print(&edited, Indent::Spaces),
        args.output.as_deref(),
        terminal,
    )?;
    if changes.is_empty() {
        terminal.remark(&format!("{title}: it was so already"));
    }
    for change in changes {
        let what = match change.what {
            Changed::Removed { rules: 1 } => "taken out of a rule that allows it".to_owned(),
            Changed::Removed { rules } => format!("taken out of {rules} rules that allow it"),
            Changed::Allowed => "allowed".to_owned(),
            Changed::Refused => "refused with EPERM".to_owned(),
        };
        terminal.remark(&format!("{title}: {}: {what}", change.name));
    }
    Ok(ExitStatus::Done)
}

/// `NAME`, or `NAME:a0==40` with further conditions after `&&`.
fn allowed(text: &str) -> Result<Allowed, Failure> {
    let (name, conditions) = match text.split_once(':') {
        None => (text, Vec::new()),
        Some((name, rest)) => {
            let conditions = rest
                .split("&&")
                .map(|part| {
                    condition(part.trim()).ok_or_else(|| {
                        Failure::new(
                            ExitStatus::BadInput,
                            format!(
                                "{part:?} is no condition: write a0 to a5, one of == != < <= > >=, \
                                 and a number; or a0&MASK==NUMBER"
                            ),
                        )
                    })
                })
                .collect::<Result<_, _>>()?;
            (name, conditions)
        }
    };
    Ok(Allowed {
        name: name.to_owned(),
        conditions,
    })
}

fn condition(text: &str) -> Option<Condition> {
    const SIGNS: [(&str, Operator); 6] = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    let (sign, operator) = SIGNS.into_iter().find(|(sign, _)| text.contains(sign))?;
    let (left, right) = text.split_once(sign)?;
    let right = number(right.trim())?;
    let (argument, mask) = match left.split_once('&') {
        None => (left, None),
        Some((argument, mask)) if operator == Operator::Equal => {
            (argument, Some(number(mask.trim())?))
        }
        Some(_) => return None,
    };
    let index = argument.trim().strip_prefix('a')?.parse().ok()?;
    if index > Condition::MAX_INDEX {
        return None;
    }
    Some(match mask {
        Some(mask) => Condition {
            index,
            operator: Operator::MaskedEqual,
            value: mask,
            value_two: right,
        },
        None => Condition {
            index,
            operator,
            value: right,
            value_two: 0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn conditions_are_read() {
        let read = |text: &str| {
            let allowed = allowed(text).unwrap();
            let conditions: Vec<String> =
                allowed.conditions.iter().map(ToString::to_string).collect();
            (allowed.name, conditions.join(", "))
        };
        assert_eq!(read("chmod"), ("chmod".to_owned(), String::new()));
        assert_eq!(
            read("socket:a0==2 && a1 & 0xf == 1"),
            ("socket".to_owned(), "a0 == 0x2, a1 & 0xf == 0x1".to_owned())
        );
        for bad in [
            "socket:",
            "socket:a6==1",
            "socket:a0=1",
            "socket:a0&1!=1",
            "s:a0==x",
        ] {
            assert!(allowed(bad).is_err(), "{bad}");
        }
    }
}
