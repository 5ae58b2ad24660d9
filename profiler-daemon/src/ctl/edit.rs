//! `profilectl edit`: a profile with some calls allowed and others refused, and nothing else
//! changed.

use super::{
    delivery::deliver,
    exit::{ExitStatus, Failure},
    operand::{Subject, load},
    printable::wrapped,
    profile_args::EditArgs,
    table::WIDTH,
    terminal::Terminal,
    wording::counted,
};
use crate::{
    api::client::Client,
    seccomp::{
        arch::Arch,
        dialects::{
            Document,
            docker::{
                self, Indent,
                edit::{Allowed, Change, Changed, Wanted, edit},
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
    if let Some(word) = args.deny.iter().find(|word| word.contains(':')) {
        return Err(bad(format!(
            "--deny takes names only, and {word:?} has conditions: a call is refused whatever its \
             arguments; to refuse it for some, deny it, then --allow it for the others in a second edit"
        )));
    }
    let wanted = Wanted {
        allow: args
            .allow
            .iter()
            .map(|word| Allowed::parse(word).map_err(|error| bad(error.to_string())))
            .collect::<Result<_, _>>()?,
        deny: args.deny.clone(),
    };
    let operand = load(&args.profile, client, Arch::X86_64).await?;
    operand.warn(terminal);
    let Subject::Document(Document::Profile(profile)) = &operand.subject else {
        return Err(bad(match operand.subject {
            Subject::Document(Document::Policy(_)) => format!(
                "{title} is not in Docker's dialect: `profilectl convert {title}` makes a profile \
                 of it that can be edited",
                title = operand.title
            ),
            _ => format!("{} has no rules that could be edited", operand.title),
        }));
    };
    let (edited, changes) = edit(profile, &wanted).map_err(|error| bad(error.to_string()))?;
    deliver(
        &docker::print(&edited, Indent::Spaces),
        args.output.as_deref(),
        terminal,
    )?;
    for line in told(&wanted, changes) {
        terminal.remark(&wrapped(&format!("{}: {line}", operand.title), 2, WIDTH));
    }
    Ok(ExitStatus::Done)
}

/// A line a change, and one for each name of which all was as wanted.
fn told(wanted: &Wanted, changes: Vec<Change>) -> Vec<String> {
    let unchanged = |name: &str| changes.iter().all(|change| change.name != name);
    let allowed = wanted.allow.iter().map(|allowed| allowed.name.as_str());
    let already: Vec<String> = allowed
        .filter(|name| unchanged(name))
        .map(|name| format!("{name}: allowed already"))
        .chain(
            wanted
                .deny
                .iter()
                .filter(|name| unchanged(name))
                .map(|name| format!("{name}: refused already")),
        )
        .collect();
    let changed = changes.into_iter().map(|Change { name, what }| match what {
        Changed::Removed { rules } => {
            format!(
                "{name}: taken out of {}",
                counted(rules as u64, "rule", "rules")
            )
        }
        Changed::Allowed(conditions) if conditions.is_empty() => format!("{name}: allowed"),
        Changed::Allowed(conditions) => {
            let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
            format!("{name}: allowed if {}", conditions.join(" and "))
        }
        Changed::Refused => format!("{name}: refused with EPERM"),
    });
    changed.chain(already).collect()
}
