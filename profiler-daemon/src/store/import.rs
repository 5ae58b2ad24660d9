//! The state directory of the versions before there was a database: a file for each container,
//! filter and nameless record. Taken in once, all in one transaction, then moved aside.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sqlx::{SqliteConnection, query};

use super::database::{Database, StoreError, signed};
use crate::profile::identity::Image;

/// What the version before kept in the state directory.
const NAMES: [&str; 4] = ["containers", "nameless", "filters", "learned.json"];

/// Where it is moved to. Nothing reads it there.
const ASIDE: &str = "before-database";

/// A file that was read.
struct Found {
    /// Its name without the ending.
    stem: String,
    text: Vec<u8>,
    /// When it was last changed, milliseconds since the epoch.
    changed_ms: u64,
}

/// Takes in the files, if there are any, and moves them aside.
///
/// A daemon that dies between the two takes them in again: what the database has already goes
/// before them.
pub(super) async fn files(database: &mut Database, root: &Path) -> Result<(), StoreError> {
    let old: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| root.join(name).exists())
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let containers: Vec<(Found, Value)> = parsed(read(&root.join("containers"), "json")?);
    let nameless: Vec<(Found, Value)> = parsed(read(&root.join("nameless"), "json")?);
    let filters = read(&root.join("filters"), "bpf")?;
    let learned = match fs::read_to_string(root.join("learned.json")) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(folder("read", &root.join("learned.json"), source)),
    };
    database
        .write(async |connection| {
            for (file, record) in &containers {
                insert_container(connection, file, record).await?;
            }
            for (file, _) in &nameless {
                let Ok(cgroup) = file.stem.parse::<u64>() else {
                    continue;
                };
                query(
                    "INSERT INTO nameless (cgroup, kept_ms, record) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )
                .bind(signed(cgroup))
                .bind(signed(file.changed_ms))
                .bind(String::from_utf8_lossy(&file.text))
                .execute(&mut *connection)
                .await?;
            }
            for file in &filters {
                query(
                    "INSERT INTO filter (hash, kept_ms, instructions) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )
                .bind(&file.stem)
                .bind(signed(file.changed_ms))
                .bind(&file.text)
                .execute(&mut *connection)
                .await?;
            }
            if let Some(learned) = &learned {
                query("INSERT INTO learned (one, record) VALUES (1, ?1) ON CONFLICT DO NOTHING")
                    .bind(learned)
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
        .await?;
    let aside = root.join(ASIDE);
    fs::create_dir_all(&aside).map_err(|source| folder("make", &aside, source))?;
    for name in old {
        let from = root.join(name);
        let to = free(&aside, name);
        fs::rename(&from, to).map_err(|source| folder("move aside", &from, source))?;
    }
    tracing::info!(
        containers = containers.len(),
        nameless = nameless.len(),
        filters = filters.len(),
        aside = %aside.display(),
        "took the files of an earlier version into the database and moved them aside"
    );
    Ok(())
}

async fn insert_container(
    connection: &mut SqliteConnection,
    file: &Found,
    record: &Value,
) -> sqlx::Result<()> {
    let changed = signed(record["changed_ms"].as_u64().unwrap_or(file.changed_ms));
    let image = &record["identity"]["image"];
    let text = |key: &str| image[key].as_str().unwrap_or_default().to_owned();
    let image = Image {
        reference: text("reference"),
        id: text("id"),
    };
    let key = image.key();
    if !key.is_empty() {
        query(
            "INSERT INTO workload (key, reference, changed_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET changed_ms = max(changed_ms, ?3)",
        )
        .bind(key)
        .bind(&image.reference)
        .bind(changed)
        .execute(&mut *connection)
        .await?;
    }
    query(
        "INSERT INTO container (id, workload, changed_ms, record) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )
    .bind(&file.stem)
    .bind((!key.is_empty()).then_some(key))
    .bind(changed)
    .bind(String::from_utf8_lossy(&file.text))
    .execute(connection)
    .await?;
    Ok(())
}

/// The files of a folder that have this ending, by name; none where there is no folder.
fn read(path: &Path, ending: &str) -> Result<Vec<Found>, StoreError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(folder("read", path, source)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let failed = |source| folder("read", path, source);
            let changed = fs::metadata(path).and_then(|file| file.modified());
            Ok(Found {
                stem: path
                    .file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                text: fs::read(path).map_err(failed)?,
                changed_ms: changed
                    .ok()
                    .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
                    .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0)),
            })
        })
        .collect()
}

/// Those that are JSON. One that is not is told, and moved aside with the rest.
fn parsed(files: Vec<Found>) -> Vec<(Found, Value)> {
    let read = |file: Found| match serde_json::from_slice(&file.text) {
        Ok(value) => Some((file, value)),
        Err(error) => {
            tracing::error!(file = file.stem, %error, "a state file cannot be read and is left out");
            None
        }
    };
    files.into_iter().filter_map(read).collect()
}

/// A name that nothing has yet: an older version may have run again in between.
fn free(aside: &Path, name: &str) -> PathBuf {
    let mut path = aside.join(name);
    let mut number = 1;
    while path.exists() {
        number += 1;
        path = aside.join(format!("{name}.{number}"));
    }
    path
}

fn folder(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Folder {
        action,
        path: path.to_owned(),
        source,
    }
}
