//! `profilectl diff`: how two profiles differ, by what they do and not by how they are written.

mod abis;
mod evidence;
mod groups;
mod line;
mod unified;

use self::evidence::Evidence;
pub(super) use self::{
    abis::by_abis,
    line::{Line, lines},
};
use super::{
    circumstances::{circumstances, meaning},
    exit::{ExitStatus, Failure},
    operand::{is_file, load},
    printable::printable,
    profile_args::{Against, DiffArgs, DiffFormat},
    terminal::Terminal,
    version_of,
};
use crate::{
    api::client::Client,
    profile::version::Subject,
    seccomp::{diagram::Diagrams, difference::differences},
};

pub(super) async fn run(
    args: &DiffArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let meaning = meaning(args.meaning, &args.host)?;
    let (before, after) = sides(args, client).await?;
    if before == "-" && after == "-" {
        return Err(Failure::new(
            ExitStatus::BadInput,
            "standard input can be read only once: name a file for one of the two",
        ));
    }
    let mut diagrams = Diagrams::new();
    let mut roots = Vec::new();
    let mut operands = Vec::new();
    for operand in [&before, &after] {
        let operand = load(operand, client, circumstances.arch).await?;
        operand.warn(terminal);
        roots.push(operand.diagram(&mut diagrams, &circumstances, meaning)?);
        operands.push(operand);
    }
    let ([root, other_root], [one, other]) = (roots.as_slice(), operands.as_slice()) else {
        return Ok(ExitStatus::Done);
    };
    let found = differences(&diagrams, *root, *other_root)?;
    let lines = lines(&mut diagrams, &found)?;
    if args.format == DiffFormat::Table && lines.is_empty() {
        terminal.remark(&format!(
            "{} and {} do the same with every call",
            printable(&one.title),
            printable(&other.title)
        ));
    }
    let evidence = match lines.is_empty() {
        true => Default::default(),
        false => [
            Evidence::of(&before, client).await,
            Evidence::of(&after, client).await,
        ],
    };
    match args.format {
        DiffFormat::Json => {
            let values = lines.iter().map(|line| evidence::value(line, &evidence));
            terminal.print_json(&values.collect::<Vec<_>>())?;
        }
        DiffFormat::Unified => {
            terminal.print(&unified::unified([one, other], &circumstances, terminal)?)?;
        }
        DiffFormat::Table if lines.is_empty() => {}
        DiffFormat::Table => {
            let text = groups::text(&one.title, &other.title, &lines, *terminal);
            terminal.print(&(text + &evidence::text(&lines, &evidence)))?;
        }
    }
    Ok(if lines.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Found
    })
}

/// What is compared. What a recorded profile is compared with comes first: the difference is what
/// the recorded one brought.
async fn sides(args: &DiffArgs, client: &Client) -> Result<(String, String), Failure> {
    let Some(against) = args.against else {
        return Ok((args.before.clone(), args.after.clone().unwrap_or_default()));
    };
    let name = &args.before;
    let refused = |why: &str| {
        let text = format!("--against {why}, and {name} is none");
        Failure::new(ExitStatus::BadInput, text)
    };
    let before = match against {
        Against::DockerDefault => "docker-default".to_owned(),
        _ if is_file(name) => return Err(refused("takes a container or an image")),
        Against::Previous => version_of::previous(name, client).await?,
        Against::Active => match version_of::named(name) {
            Subject::Container(container) => format!("active:{container}"),
            Subject::Image(_) => return Err(refused("active takes a container")),
        },
    };
    Ok((before, name.clone()))
}
