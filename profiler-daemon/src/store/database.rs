//! The database file: opening it, what a write is, and what is wrong when one fails.
//!
//! One connection, which locks the file for itself: two daemons never write to one file, and no
//! shared memory is needed, which a full disk would have no room for. Every change is one
//! transaction, on disk when it is acknowledged. None takes more than a few pages and a sync, which
//! is why the collector may wait for it, as it did for a file.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, query, query_scalar,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode,
        SqliteSynchronous,
    },
};
use thiserror::Error;

use super::{
    import,
    migrations::{NEWEST, layout, migrate},
};

/// The database's name in the state directory.
pub const FILE: &str = "profiler.db";

/// How long a daemon that is about to end may still hold the file.
const PATIENCE: Duration = Duration::from_secs(2);

/// SQLite's code for a disk that is full.
pub(super) const FULL: u32 = 13;

/// Marks the file as this program's: "prfl".
const APPLICATION: i32 = 0x7072_666c;

/// Why nothing could be kept, or read back.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The state directory cannot be made, or something in it not read or moved.
    #[error(
        "cannot {action} {path}: {source}; check that the state directory exists, is writable and has room"
    )]
    Folder {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A newer version wrote the database.
    #[error(
        "{path} has layout {found}, and this version knows {NEWEST} at most: start the profilerd that wrote it, or name another --state-dir; nothing was changed"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: u32,
    },
    /// Another program's database.
    #[error("{path} is the database of another program: name another --state-dir")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// SQLite failed.
    #[error("cannot {action} {path}: {source}; {advice}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: Box<sqlx::Error>,
        /// What to do.
        advice: &'static str,
    },
    /// What was read is not what was written.
    #[error("cannot read {what} in {path}: {reason}")]
    Unreadable {
        /// Which row.
        what: String,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// How the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The file.
    pub path: PathBuf,
    /// Bytes of the file and of what is written ahead of it.
    pub bytes: u64,
    /// Versions that are kept.
    pub versions: u64,
}

/// The database. Its methods are to be awaited to their end: one that is dropped in the middle may
/// leave a transaction open.
#[derive(Debug)]
pub struct Database {
    pub(super) path: PathBuf,
    pub(super) connection: SqliteConnection,
}

impl Database {
    /// Opens the database of a state directory, makes it if there is none, brings it to the newest
    /// layout, and takes in the files that the version before kept.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed, but for whole migrations.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(|source| StoreError::Folder {
            action: "make",
            path: root.to_owned(),
            source,
        })?;
        let mut database = Self::connect(root).await?;
        migrate(&mut database.connection, NEWEST)
            .await
            .map_err(|error| database.failed("bring to its newest layout", error))?;
        import::files(&mut database, root).await?;
        Ok(database)
    }

    /// Opens the file as it is.
    pub(super) async fn connect(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(FILE);
        // SQLite would not say what is wrong with a place that it may not write to.
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|source| StoreError::Folder {
                action: "write",
                path: path.clone(),
                source,
            })?;
        let mut options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .locking_mode(SqliteLockingMode::Exclusive)
            .journal_mode(SqliteJournalMode::Wal)
            // A record is freed in the kernel once it is kept, so it must outlast a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            // 256 pages, so that what is written ahead stays about a mebibyte.
            .pragma("wal_autocheckpoint", "256")
            .pragma("journal_size_limit", "1048576")
            .disable_statement_logging();
        // Said of a file that is there it would write, even on a disk that is full.
        if fs::metadata(&path).map_or(0, |file| file.len()) == 0 {
            options = options.auto_vacuum(SqliteAutoVacuum::Incremental);
        }
        let mut connection = options
            .connect()
            .await
            .map_err(|error| failed("open", &path, error))?;
        let taken = match is_ours(&path, &mut connection).await {
            // 0x7072666c; a pragma takes no parameters.
            Ok(false) => query("PRAGMA application_id = 1886545516")
                .execute(&mut connection)
                .await
                .map(drop)
                .map_err(|error| failed("write", &path, error)),
            found => found.map(drop),
        };
        match taken {
            Ok(()) => Ok(Self { path, connection }),
            Err(error) => {
                let _ = connection.close().await;
                Err(error)
            }
        }
    }

    /// Does several things as one: all are on disk afterwards, or none.
    pub(super) async fn write<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> sqlx::Result<T>,
    ) -> Result<T, StoreError> {
        match whole(&mut self.connection, work).await {
            Ok(value) => Ok(value),
            Err(error) => {
                if code(&error) == FULL {
                    // Gives back what was written ahead, so that the next attempt has its room.
                    let _ = query("PRAGMA wal_checkpoint(TRUNCATE)")
                        .fetch_all(&mut self.connection)
                        .await;
                }
                Err(self.failed("write", error))
            }
        }
    }

    pub(super) fn failed(&self, action: &'static str, error: sqlx::Error) -> StoreError {
        failed(action, &self.path, error)
    }

    /// How it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn facts(&mut self) -> Result<Facts, StoreError> {
        let versions: i64 = query_scalar("SELECT count(*) FROM version")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))?;
        let ahead = self.path.with_extension("db-wal");
        let bytes = [&self.path, &ahead]
            .into_iter()
            .filter_map(|path| fs::metadata(path).ok())
            .map(|file| file.len())
            .sum();
        Ok(Facts {
            path: self.path.clone(),
            bytes,
            versions: unsigned(versions),
        })
    }

    /// What SQLite finds wrong with the file; empty when it is whole. Reads all of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        let found: Vec<String> = query_scalar("PRAGMA integrity_check")
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Closes the file: what was written ahead becomes part of it.
    ///
    /// # Errors
    /// It cannot be written; nothing is lost, for it is read again when the file is opened.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { path, connection } = self;
        connection
            .close()
            .await
            .map_err(|error| failed("close", &path, error))
    }
}

/// Whose it is, before anything is written: ours, or nobody's yet, which is false.
pub(super) async fn is_ours(
    path: &Path,
    connection: &mut SqliteConnection,
) -> Result<bool, StoreError> {
    let read = |error| failed("read", path, error);
    let application: i32 = query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await
        .map_err(read)?;
    let tables: i64 = query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await
        .map_err(read)?;
    let found = layout(connection).await.map_err(read)?;
    match application {
        APPLICATION if found > NEWEST => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
        }),
        APPLICATION => Ok(true),
        0 if tables == 0 => Ok(false),
        _ => Err(StoreError::Foreign {
            path: path.to_owned(),
        }),
    }
}

/// Several statements as one. Not by the library's own transactions: SQLite ends one by itself when
/// the disk is full, and they would not know.
pub(super) async fn whole<T>(
    connection: &mut SqliteConnection,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let done = match work(connection).await {
        Ok(value) => query("COMMIT")
            .execute(&mut *connection)
            .await
            .map(|_| value),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // It fails where SQLite has done so already.
        let _ = query("ROLLBACK").execute(connection).await;
    }
    done
}

/// SQLite's code, without what says which kind of it; 0 if another failed.
pub(super) fn code(error: &sqlx::Error) -> u32 {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok())
        .map_or(0, |code| code & 0xff)
}

pub(super) fn failed(action: &'static str, path: &Path, error: sqlx::Error) -> StoreError {
    let advice = match code(&error) {
        5 | 6 => "another profilerd uses it: stop that one, or name another --state-dir",
        11 | 26 => {
            "it is damaged, and was left as it is: move it aside with the files of the same name to begin anew, or restore a copy"
        }
        _ => "check that the state directory exists, is writable and has room",
    };
    StoreError::Failed {
        action,
        path: path.to_owned(),
        source: Box::new(error),
        advice,
    }
}

/// SQLite's numbers are signed; what is kept is not.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// What is beyond its range is its greatest.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "opening_tests.rs"]
mod opening_tests;
#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
