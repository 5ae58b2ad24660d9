//! `profilectl observations`: records as documents, for hosts that did not make them.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{
    args::{ObservationsExportArgs, ObservationsImportArgs, ObservationsVerb},
    beside,
    delivery::deliver,
    exit::{ExitStatus, Failure},
    format::Format,
    printable::{printable, wrapped},
    standard_input::STANDARD_INPUT,
    table::{Align, WIDTH, render},
    terminal::{Terminal, json},
    wording::counted,
};
use crate::api::{
    client::{Client, ClientError},
    protocol::observations::{Change, Imported, ImportedContainer, MOST_BYTES, MOST_NAME},
};

pub(super) async fn run(
    verb: &ObservationsVerb,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    match verb {
        ObservationsVerb::Export(args) => export(args, client, terminal).await,
        ObservationsVerb::Import(args) => import(args, client, terminal).await,
    }
}

async fn export(
    args: &ObservationsExportArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let document = match args.target.strip_prefix("image:") {
        Some(image) => client.observations_of_image(image).await?,
        None => client.observations(&args.target).await?,
    };
    deliver(&json(&document)?, args.output.as_deref(), terminal)?;
    let containers = document.containers.len() as u64;
    let complete = document
        .containers
        .iter()
        .filter(|container| container.completeness.complete)
        .count();
    let remark = format!(
        "{}: the records of {}, {complete} of them complete",
        args.target,
        counted(containers, "container", "containers"),
    );
    terminal.remark(&wrapped(&remark, 2, WIDTH));
    beside::tell(&args.target, client, terminal).await;
    Ok(ExitStatus::Done)
}

/// Every file is a document of its own: those before one that is refused stay imported.
async fn import(
    args: &ObservationsImportArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let mut all = Vec::new();
    for file in &args.files {
        let (title, bytes) = read(file)?;
        let Imported { containers } =
            client
                .import(bytes, file_name(file))
                .await
                .map_err(|error| {
                    let refused = matches!(
                        error,
                        ClientError::Bad(_) | ClientError::Ambiguous(_) | ClientError::NotFound(_)
                    );
                    let told = if refused {
                        format!("{title}: {error}")
                    } else {
                        error.to_string()
                    };
                    Failure::new(Failure::from(error).status, told)
                })?;
        all.extend(containers);
    }
    match args.format {
        Format::Json => terminal.print_json(&Imported { containers: all })?,
        Format::Table => terminal.print(&table(&all))?,
    }
    Ok(ExitStatus::Done)
}

/// The name of a file without its folders, which tell nothing on another host; none of standard input.
fn file_name(file: &Path) -> Option<&str> {
    let name = file.file_name()?.to_str()?;
    (file != Path::new("-") && name.len() <= MOST_NAME).then_some(name)
}

fn read(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let bad = |message: String| Failure::new(ExitStatus::BadInput, message);
    let is_input = file == Path::new("-");
    let title = if is_input {
        STANDARD_INPUT.to_owned()
    } else {
        file.display().to_string()
    };
    let opened: io::Result<Box<dyn Read>> = if is_input {
        Ok(Box::new(io::stdin()))
    } else {
        File::open(file).map(|file| Box::new(file) as Box<dyn Read>)
    };
    let mut bytes = Vec::new();
    opened
        .and_then(|source| source.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| bad(format!("cannot read {title}: {error}")))?;
    if bytes.len() > MOST_BYTES {
        return Err(bad(format!(
            "{title} is larger than {} MiB, which no document of observations is; export fewer \
             containers at a time",
            MOST_BYTES >> 20
        )));
    }
    Ok((title, bytes))
}

fn table(containers: &[ImportedContainer]) -> String {
    let columns = [
        ("NAME", Align::Left),
        ("ID", Align::Left),
        ("HOST", Align::Left),
        ("RECORD", Align::Left),
    ];
    let rows = containers
        .iter()
        .map(|container| {
            let change = match container.change {
                Change::Added => "added",
                Change::Extended => "extended",
                Change::Unchanged => "unchanged",
            };
            vec![
                printable(&container.name),
                printable(container.id.get(..12).unwrap_or(&container.id)),
                printable(&container.host),
                change.to_owned(),
            ]
        })
        .collect();
    render(&columns, rows)
}
