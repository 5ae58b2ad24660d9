//! Versions: a row for each, and each profile once, however many versions have it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, FromRow, Row as _, query, query_as, query_scalar, sqlite::SqliteRow};

use super::{
    database::{Database, StoreError, signed, unsigned},
    records::entrypoint_of,
};
use crate::profile::{
    abi::Abi,
    call::Call,
    table,
    version::{Author, Change, Changed, Head, NewVersion, Reason, Subject, Version},
};

const CONTAINER: &str = "container:";
const IMAGE: &str = "image:";

/// How a subject is written in the table.
pub(super) fn written(subject: &Subject) -> String {
    match subject {
        Subject::Container(id) => format!("{CONTAINER}{id}"),
        Subject::Image(key) => format!("{IMAGE}{key}"),
    }
}

fn read_subject(text: &str) -> Option<Subject> {
    match text.strip_prefix(CONTAINER) {
        Some(id) => Some(Subject::Container(id.to_owned())),
        None => Some(Subject::Image(text.strip_prefix(IMAGE)?.to_owned())),
    }
}

/// Changes as they are kept: names of executables and containers once each.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    exes: Vec<String>,
    containers: Vec<String>,
    rows: Vec<KeptChange>,
}

/// Place in [`KINDS`], place of the ABI, number, time, places of the executable and the container.
type KeptChange = (usize, u32, u32, Option<u64>, Option<usize>, Option<usize>);

/// Kinds of changes by the number that is kept; one that is new comes last.
const KINDS: [Changed; 6] = [
    Changed::Added,
    Changed::Removed,
    Changed::Refused,
    Changed::Probed,
    Changed::Runtime,
    Changed::Values,
];

impl Kept {
    fn of(changes: &[Change]) -> Self {
        let mut kept = Self::default();
        let mut exes = HashMap::new();
        let mut containers = HashMap::new();
        for one in changes {
            let kind = KINDS.iter().position(|kind| *kind == one.change);
            let Some((kind, abi)) = kind.zip(Abi::named(&one.abi)) else {
                continue;
            };
            let exe = place(&mut kept.exes, &mut exes, one.exe.as_deref());
            let container = place(
                &mut kept.containers,
                &mut containers,
                one.container.as_deref(),
            );
            kept.rows
                .push((kind, abi.index(), one.nr, one.at_ms, exe, container));
        }
        kept
    }

    fn changes(self) -> Vec<Change> {
        let text = |list: &[String], place: Option<usize>| {
            place.and_then(|place| list.get(place).cloned())
        };
        self.rows
            .into_iter()
            .filter_map(|(kind, abi, nr, at_ms, exe, container)| {
                let abi = Abi::from_index(abi)?;
                Some(Change {
                    change: *KINDS.get(kind)?,
                    abi: abi.name().into(),
                    nr,
                    name: table::display_name(Call::new(abi, nr)),
                    at_ms,
                    exe: text(&self.exes, exe),
                    container: text(&self.containers, container),
                })
            })
            .collect()
    }
}

fn place<'a>(
    list: &mut Vec<String>,
    places: &mut HashMap<&'a str, usize>,
    text: Option<&'a str>,
) -> Option<usize> {
    let text = text?;
    Some(*places.entry(text).or_insert_with(|| {
        list.push(text.to_owned());
        list.len() - 1
    }))
}

struct Row {
    number: i64,
    parent: Option<i64>,
    author: String,
    reason: String,
    digest: String,
    created_ms: i64,
    promoted_ms: Option<i64>,
    calls: i64,
    changes: String,
    promoted_by: Option<String>,
    origins: Option<String>,
}

/// What is read of a version.
const COLUMNS: &str = "number, parent, author, reason, lower(hex(digest)) AS digest, created_ms,
    promoted_ms, calls, changes, promoted_by, origins";

impl FromRow<'_, SqliteRow> for Row {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            number: row.try_get("number")?,
            parent: row.try_get("parent")?,
            author: row.try_get("author")?,
            reason: row.try_get("reason")?,
            digest: row.try_get("digest")?,
            created_ms: row.try_get("created_ms")?,
            promoted_ms: row.try_get("promoted_ms")?,
            calls: row.try_get("calls")?,
            changes: row.try_get("changes")?,
            promoted_by: row.try_get("promoted_by")?,
            origins: row.try_get("origins")?,
        })
    }
}

impl Database {
    /// The newest version of everything that has one.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn heads(&mut self) -> Result<Vec<(Subject, Head)>, StoreError> {
        let rows: Vec<(String, i64, String)> = query_as(
            "SELECT subject, number, lower(hex(digest)) FROM version AS one
             WHERE number = (SELECT max(number) FROM version WHERE subject = one.subject)",
        )
        .fetch_all(&mut self.connection)
        .await
        .map_err(|error| self.failed("read", error))?;
        let heads = rows.into_iter().filter_map(|(subject, number, digest)| {
            let number = unsigned(number);
            Some((read_subject(&subject)?, Head { number, digest }))
        });
        Ok(heads.collect())
    }

    /// Keeps a version after the newest one; if that has the same digest, it stays the newest. The
    /// answer is what is the newest then.
    ///
    /// # Errors
    /// It cannot be written; nothing of it is.
    pub async fn keep_version(&mut self, new: &NewVersion) -> Result<Head, StoreError> {
        let subject = written(&new.subject);
        let changes = self.text("changes", &Kept::of(&new.changes))?;
        let author = self.word(&new.author)?;
        let reason = self.word(&new.reason)?;
        let completeness = self.text("a verdict", &new.completeness)?;
        let origins = match new.origins.as_slice() {
            [] => None,
            origins => Some(self.text("origins", &origins)?),
        };
        self.write(async |connection| {
            let newest: Option<(i64, String)> = query_as(
                "SELECT number, lower(hex(digest)) FROM version WHERE subject = ?1
                 ORDER BY number DESC LIMIT 1",
            )
            .bind(&subject)
            .fetch_optional(&mut *connection)
            .await?;
            if let Some((number, digest)) = &newest
                && *digest == new.digest
            {
                return Ok(Head {
                    number: unsigned(*number),
                    digest: digest.clone(),
                });
            }
            if let Subject::Image(key) = &new.subject {
                // Its container may not be kept with it yet.
                query(
                    "INSERT INTO workload (key, reference, changed_ms, entrypoint) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (key) DO NOTHING",
                )
                .bind(key)
                .bind(new.reference.as_deref().unwrap_or(key))
                .bind(signed(new.created_ms))
                .bind(entrypoint_of(key))
                .execute(&mut *connection)
                .await?;
            }
            let parent = newest.map(|(number, _)| number);
            let number = parent.unwrap_or(0) + 1;
            query(
                "INSERT INTO profile (digest, basis) VALUES (unhex(?1), ?2)
                 ON CONFLICT (digest) DO NOTHING",
            )
            .bind(&new.digest)
            .bind(&new.basis)
            .execute(&mut *connection)
            .await?;
            query(
                "INSERT INTO version (subject, number, parent, author, reason, digest, created_ms,
                 calls, changes, completeness, origins) VALUES (?1, ?2, ?3, ?4, ?5, unhex(?6),
                   max(?7, coalesce((SELECT created_ms FROM version WHERE subject = ?1 AND number = ?3), 0)),
                   ?8, ?9, ?10, ?11)",
            )
            .bind(&subject)
            .bind(number)
            .bind(parent)
            .bind(author)
            .bind(reason)
            .bind(&new.digest)
            .bind(signed(new.created_ms))
            .bind(signed(new.calls))
            .bind(changes)
            .bind(completeness)
            .bind(origins)
            .execute(connection)
            .await?;
            Ok(Head {
                number: unsigned(number),
                digest: new.digest.clone(),
            })
        })
        .await
    }

    /// All versions of something, the newest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn versions(&mut self, subject: &Subject) -> Result<Vec<Version>, StoreError> {
        let rows: Vec<Row> = query_as(AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM version WHERE subject = ?1 ORDER BY number DESC"
        )))
        .bind(written(subject))
        .fetch_all(&mut self.connection)
        .await
        .map_err(|error| self.failed("read", error))?;
        rows.into_iter()
            .map(|row| self.version(subject, row))
            .collect()
    }

    /// One version; none if there is no such.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn one_version(
        &mut self,
        subject: &Subject,
        number: u64,
    ) -> Result<Option<Version>, StoreError> {
        let row: Option<Row> = query_as(AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM version WHERE subject = ?1 AND number = ?2"
        )))
        .bind(written(subject))
        .bind(signed(number))
        .fetch_optional(&mut self.connection)
        .await
        .map_err(|error| self.failed("read", error))?;
        row.map(|row| self.version(subject, row)).transpose()
    }

    /// What a version's profile rests on, and the verdict when it was made, as they were given.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn content(
        &mut self,
        subject: &Subject,
        number: u64,
    ) -> Result<Option<(String, String)>, StoreError> {
        query_as(
            "SELECT basis, completeness FROM version JOIN profile USING (digest)
             WHERE subject = ?1 AND number = ?2",
        )
        .bind(written(subject))
        .bind(signed(number))
        .fetch_optional(&mut self.connection)
        .await
        .map_err(|error| self.failed("read", error))
    }

    /// The version of each that was promoted last.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn promoted(&mut self) -> Result<Vec<(Subject, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = query_as(
            "SELECT subject, number FROM version AS one WHERE promoted_ms =
             (SELECT max(promoted_ms) FROM version WHERE subject = one.subject)
             ORDER BY subject, number",
        )
        .fetch_all(&mut self.connection)
        .await
        .map_err(|error| self.failed("read", error))?;
        let promoted = rows
            .into_iter()
            .filter_map(|(subject, number)| Some((read_subject(&subject)?, unsigned(number))));
        Ok(promoted.collect())
    }

    /// Marks a version as the promoted one, and by whom; if it is that already, it stays as it is. The
    /// last one to be promoted counts, and is given a later time than all before it, though the clock was
    /// set back. False if there is no such version.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn promote(
        &mut self,
        subject: &Subject,
        number: u64,
        by: Option<&str>,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        self.write(async |connection| {
            query(
                "UPDATE version SET promoted_by = ?4, promoted_ms = max(?3, 1 + coalesce(
                   (SELECT max(promoted_ms) FROM version WHERE subject = ?1), -1))
                 WHERE subject = ?1 AND number = ?2 AND (promoted_ms IS NULL
                 OR promoted_ms < (SELECT max(promoted_ms) FROM version WHERE subject = ?1))",
            )
            .bind(written(subject))
            .bind(signed(number))
            .bind(signed(now_ms))
            .bind(by)
            .execute(&mut *connection)
            .await?;
            query_scalar("SELECT EXISTS (SELECT 1 FROM version WHERE subject = ?1 AND number = ?2)")
                .bind(written(subject))
                .bind(signed(number))
                .fetch_one(connection)
                .await
        })
        .await
    }

    fn version(&self, subject: &Subject, row: Row) -> Result<Version, StoreError> {
        let bad = |reason: serde_json::Error| StoreError::Unreadable {
            what: format!("version {} of {}", row.number, written(subject)),
            path: self.path.clone(),
            reason: reason.to_string(),
        };
        let kept: Kept = serde_json::from_str(&row.changes).map_err(bad)?;
        let author: Author = serde_json::from_value(row.author.into()).map_err(bad)?;
        let reason: Reason = serde_json::from_value(row.reason.into()).map_err(bad)?;
        let origins = row.origins.as_deref().map(serde_json::from_str);
        Ok(Version {
            number: unsigned(row.number),
            parent: row.parent.map(unsigned),
            author,
            reason,
            digest: row.digest,
            created_ms: unsigned(row.created_ms),
            promoted_ms: row.promoted_ms.map(unsigned),
            promoted_by: row.promoted_by,
            origins: origins.transpose().map_err(bad)?.unwrap_or_default(),
            calls: unsigned(row.calls),
            changes: kept.changes(),
        })
    }

    fn text(&self, what: &str, value: &impl Serialize) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|error| self.unwritable(what, &error))
    }

    /// A word that serializes as such, without the quotes.
    fn word(&self, value: &impl Serialize) -> Result<String, StoreError> {
        let text = self.text("a word", value)?;
        Ok(text.trim_matches('"').to_owned())
    }

    fn unwritable(&self, what: &str, error: &serde_json::Error) -> StoreError {
        StoreError::Unreadable {
            what: what.to_owned(),
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}
