//! `profilectl promote`: marks a version as the one that counts.

use super::{
    args::PromoteArgs,
    beside,
    exit::{ExitStatus, Failure},
    format::Format,
    terminal::Terminal,
    version_of,
    wording::promoted,
};
use crate::api::client::Client;

pub(super) async fn run(
    args: &PromoteArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let name = &args.version;
    let Some((subject, number)) = version_of::parse(name) else {
        return Err(Failure::new(
            ExitStatus::BadInput,
            format!(
                "{name} names no version: write CONTAINER@N or image:REF@N; `profilectl history` lists them"
            ),
        ));
    };
    let version = client.promote(&subject, number).await?;
    match args.format {
        Format::Json => terminal.print_json(&version)?,
        Format::Table => terminal.remark(&match version.promoted_ms {
            Some(at_ms) => format!(
                "{name}: {}",
                promoted(at_ms, version.promoted_by.as_deref())
            ),
            None => format!("{name}: not promoted"),
        }),
    }
    beside::tell(name, client, terminal).await;
    Ok(ExitStatus::Done)
}
