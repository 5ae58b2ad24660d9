//! `profilectl export`: a profile as a file, and what it holds in a sentence.

use super::{
    args::ExportArgs,
    beside,
    circumstances::circumstances,
    convert::written,
    coverage,
    delivery::deliver_bytes,
    exit::{ExitStatus, Failure},
    operand,
    printable::wrapped,
    profile_args::{CircumstancesArgs, WrittenDialect},
    show::shortfalls,
    table::WIDTH,
    terminal::{Terminal, json},
    version_of,
    wording::counted,
};
use crate::{
    api::{
        client::{Client, ClientError},
        protocol::{Detail, Export},
    },
    profile::{compose::Options, origin::Selection, version::Subject},
    seccomp::{arch::Arch, dialects::printed::Leaning},
};

/// What there is to say where --args changed nothing.
const NOT_NARROWED: &str = "no call could be narrowed to the values of its arguments: they are \
    recorded by a profilerd that runs with --args, of containers that start while it does";

/// Refused calls that the summary names.
const MOST_NAMES: usize = 5;

pub(super) async fn run(
    args: &ExportArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let (title, export) = fetch(args, client).await?;
    if args.require_complete && !export.completeness.complete {
        terminal.complain(&format!(
            "{title}: not complete, and --require-complete was asked for; nothing was written:\n{}",
            shortfalls(&export.completeness).trim_end()
        ));
        return Ok(ExitStatus::Incomplete);
    }
    let bytes = render(&title, &export, args.format, terminal)?;
    deliver_bytes(&bytes, args.output.as_deref(), terminal)?;
    let left_out = left_out(&export, client).await;
    terminal.remark(&summary(&title, &export, &left_out));
    let image = args.target.strip_prefix("image:").unwrap_or(&args.target);
    if let Some(told) = export
        .coverage
        .and_then(|coverage| coverage::summary(image, &coverage))
    {
        terminal.remark(&wrapped(&format!("{image}: {told}"), 2, WIDTH));
    }
    if export.coverage.is_some()
        && let Some(told) = beside::of_image(image, client).await
    {
        terminal.remark(&told);
    }
    if let Some(caution) = caution(args, &export) {
        terminal.remark(&wrapped(&caution, 2, WIDTH));
    }
    if args.args && export.narrowed == 0 {
        terminal.remark(&wrapped(NOT_NARROWED, 2, WIDTH));
    }
    Ok(ExitStatus::Done)
}

/// The profile in the dialect asked for. Where that has no words for what a profile refuses, it
/// says what lets the container run, and a remark says what it lets through besides.
pub(super) fn render(
    title: &str,
    export: &Export,
    dialect: WrittenDialect,
    terminal: &Terminal,
) -> Result<Vec<u8>, Failure> {
    if dialect == WrittenDialect::Docker {
        return Ok(json(&export.profile)?.into_bytes());
    }
    let operand = operand::exported(title, &export.profile, Arch::X86_64)?;
    let circumstances = circumstances(&CircumstancesArgs::default())?;
    written(&operand, &circumstances, dialect, Leaning::Looser, terminal)
}

fn selection(args: &ExportArgs) -> Selection {
    Selection {
        callers: args.origin.unwrap_or_default(),
        phases: args.phase.unwrap_or_default(),
    }
}

/// What a profile cannot do that was made of a part of the calls only.
fn caution(args: &ExportArgs, export: &Export) -> Option<String> {
    let selection = selection(args);
    if selection.is_everything() {
        return None;
    }
    let mut text = match export.left_out_by_origin.as_slice() {
        [] => "nothing was left out by --origin or --phase".to_owned(),
        names => format!(
            "left out by --origin or --phase, {}: {}",
            counted(names.len() as u64, "call", "calls"),
            names.join(" ")
        ),
    };
    if !export.left_out_by_origin.is_empty() {
        let phases = selection.phases;
        if !phases.start || !phases.run || !phases.shutdown {
            text.push_str(&format!(
                "; this is what the phase {phases} alone needs, and no profile to start a container with"
            ));
        }
        if !selection.callers.own {
            text.push_str("; the container's own program cannot run under this profile");
        } else if !selection.callers.health {
            text.push_str("; a health check that needs one of these fails under this profile");
        }
    }
    if export.unknown_origin > 0 {
        text.push_str(&format!(
            "; {} whose origin is not known {} kept",
            counted(export.unknown_origin, "call", "calls"),
            if export.unknown_origin == 1 {
                "is"
            } else {
                "are"
            },
        ));
    }
    Some(text)
}

/// What `export C` or `export image:REF` means, and what to call it.
async fn fetch(args: &ExportArgs, client: &Client) -> Result<(String, Export), Failure> {
    let options = Options {
        include_refused: args.include_refused,
        arguments: args.args,
        selection: selection(args),
    };
    if let Some((subject, number)) = version_of::parse(&args.target) {
        return version(&args.target, &subject, number, client, options).await;
    }
    if let Some(image) = args.target.strip_prefix("image:") {
        let export = client.export_image(image, options).await?;
        return Ok((image_title(image, &export), export));
    }
    let missing = match client.export(&args.target, options).await {
        Ok(export) => return Ok((args.target.clone(), export)),
        Err(ClientError::NotFound(message)) => message,
        Err(error) => return Err(error.into()),
    };
    match client.export_image(&args.target, options).await {
        Ok(export) => Ok((image_title(&args.target, &export), export)),
        Err(ClientError::NotFound(_)) => Err(nothing(args, client, missing).await),
        Err(error) => Err(error.into()),
    }
}

/// What `export C@3` or `export image:REF@3` means. Without `image:`, a name that no container has is
/// tried as an image's.
async fn version(
    title: &str,
    subject: &Subject,
    number: u64,
    client: &Client,
    options: Options,
) -> Result<(String, Export), Failure> {
    let missing = match client.version(subject, number, options).await {
        Ok(version) => return Ok((title.to_owned(), version.export)),
        Err(ClientError::NotFound(message)) => message,
        Err(error) => return Err(error.into()),
    };
    if let Subject::Container(name) = subject {
        let image = Subject::Image(name.clone());
        if let Ok(version) = client.version(&image, number, options).await {
            return Ok((format!("image:{title}"), version.export));
        }
    }
    Err(Failure::new(ExitStatus::NotFound, missing))
}

/// Why there is no profile. A container that is known and of which nothing was recorded, for
/// want of room say, is not one that there isn't: what it did was missed, and that is an
/// incomplete record to whoever asks for a complete one.
async fn nothing(args: &ExportArgs, client: &Client, missing: String) -> Failure {
    if client.show(&args.target).await.is_ok() {
        let status = if args.require_complete {
            ExitStatus::Incomplete
        } else {
            ExitStatus::NotFound
        };
        return Failure::new(status, missing);
    }
    Failure::new(
        ExitStatus::NotFound,
        format!(
            "no container or image called {} was recorded; `profilectl list` shows what was",
            args.target
        ),
    )
}

fn image_title(image: &str, export: &Export) -> String {
    let count = export.containers.len() as u64;
    let mut containers = counted(count, "container", "containers");
    if export.imported > 0 {
        containers.push_str(&format!(", {} imported", export.imported));
    }
    format!("{image} ({containers})")
}

/// The names of calls that were refused and left out, as far as they can be told.
async fn left_out(export: &Export, client: &Client) -> Vec<String> {
    let mut names = Vec::new();
    for container in &export.containers {
        if names.len() as u64 >= export.refused_left_out {
            break;
        }
        // They only adorn the summary, so a container that went meanwhile is passed over.
        if let Ok(detail) = client.show(container).await {
            names.extend(refused_names(&detail));
            names.sort_unstable();
            names.dedup();
        }
    }
    names
}

fn refused_names(detail: &Detail) -> impl Iterator<Item = String> {
    detail
        .calls
        .iter()
        .filter(|call| call.verdict == "refuse")
        .filter(|call| call.refusals.iter().any(|refusal| !refusal.by_runtime))
        .map(|call| call.name.clone())
}

fn summary(title: &str, export: &Export, left_out: &[String]) -> String {
    let mut text = format!(
        "{title}: {} allowed ({} observed, {} for the runtime and kernel",
        counted(export.allowed, "call", "calls"),
        export.observed,
        export.baseline
    );
    // What neither was observed nor belongs to the baseline is there by --include-refused.
    let included = export
        .allowed
        .saturating_sub(export.observed + export.baseline);
    if included > 0 {
        text.push_str(&format!(", {included} refused so far"));
    }
    text.push(')');
    if export.narrowed > 0 {
        let count = counted(export.narrowed, "call", "calls");
        text.push_str(&format!(
            "; {count} narrowed to the argument values that were seen"
        ));
    }
    if export.refused_left_out > 0 {
        let mut named = left_out
            .iter()
            .take(MOST_NAMES)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        if left_out.len() > MOST_NAMES {
            named.push_str(", …");
        }
        if !named.is_empty() {
            named.push_str("; ");
        }
        let count = counted(export.refused_left_out, "refused call", "refused calls");
        let adds = if export.refused_left_out == 1 {
            "it"
        } else {
            "them"
        };
        text.push_str(&format!(
            "; {count} left out ({named}--include-refused adds {adds})"
        ));
    }
    let verdict = &export.completeness;
    text.push_str(if verdict.complete {
        "; complete"
    } else {
        "; not complete:"
    });
    let mut text = wrapped(&text, 2, WIDTH);
    if !verdict.complete {
        text.push('\n');
        text.push_str(shortfalls(verdict).trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::summary;
    use crate::{api::protocol::Export, profile::completeness::Completeness};

    #[test]
    fn the_summary_counts_and_names() {
        let export = Export {
            profile: json!({}),
            completeness: Completeness {
                complete: true,
                ..Completeness::default()
            },
            allowed: 1,
            observed: 1,
            baseline: 0,
            refused_left_out: 1,
            narrowed: 0,
            left_out_by_origin: Vec::new(),
            unknown_origin: 0,
            containers: vec!["web".to_owned()],
            imported: 0,
            coverage: None,
        };
        assert_eq!(
            summary("web", &export, &["keyctl".to_owned()]).replace("\n  ", " "),
            "web: 1 call allowed (1 observed, 0 for the runtime and kernel); 1 refused call \
             left out (keyctl; --include-refused adds it); complete"
        );
    }
}
