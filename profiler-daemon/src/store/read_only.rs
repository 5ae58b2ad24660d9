//! A state directory that cannot be written: how that is told from what is wrong otherwise, and
//! reading the database that lies in it.
//!
//! SQLite's usual ways of reading a database in WAL mode make files beside it, or take locks that a
//! file needs to be opened for writing for. Where neither can be, nobody else can write either, so no
//! lock is needed: the file is read as one that never changes, and where a daemon that was killed left
//! something written ahead, with an index of it in this process's memory.

use std::{fs, io, path::Path};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteLockingMode},
};

use super::{
    database::{Database, FILE, FULL, StoreError, code, failed, is_ours},
    migrations::{NEWEST, layout},
};

/// SQLite's codes for a database that another has open, an error of the disk, a database that cannot be written, and a file that
/// cannot be opened or made.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const IO: u32 = 10;
const READ_ONLY: u32 = 8;
const CANNOT_OPEN: u32 = 14;

/// Nothing can be made there as it is now mounted, or for want of room.
#[must_use]
pub fn has_no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

impl StoreError {
    /// The state directory is as it should be, and cannot be written as it is now mounted, or for want
    /// of room. One that this user may not write is a mistake, and told as such.
    #[must_use]
    pub fn cannot_be_written(&self) -> bool {
        match self {
            Self::Folder { source, .. } => has_no_room(source),
            Self::Failed { source, .. } => matches!(code(source), READ_ONLY | FULL),
            _ => false,
        }
    }

    /// Another daemon has the database open.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if matches!(code(source), BUSY | LOCKED))
    }

    /// What is open may not be what is there any more, or lie where nothing can be written: it is to
    /// be opened again.
    #[must_use]
    pub fn is_out_of_reach(&self) -> bool {
        match self {
            Self::Failed { source, .. } => {
                matches!(code(source), IO | READ_ONLY | CANNOT_OPEN)
            }
            _ => false,
        }
    }
}

impl Database {
    /// Opens the database of a state directory that cannot be written, as it is. None if there is none,
    /// or none of this layout: to bring it to this one it would have to be written.
    ///
    /// Nobody may write to it meanwhile, so it is to be closed again soon; an open file would also keep
    /// whoever mends the file system from unmounting it.
    ///
    /// # Errors
    /// [`StoreError`], also for a database that [`Database::open`] would refuse.
    pub async fn open_read_only(root: &Path) -> Result<Option<Self>, StoreError> {
        let path = root.join(FILE);
        if fs::metadata(&path).map_or(0, |file| file.len()) == 0 {
            return Ok(None);
        }
        let ahead = fs::metadata(path.with_extension("db-wal"));
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true)
            .disable_statement_logging();
        let options = if ahead.is_ok_and(|file| file.len() > 0) {
            options
                .locking_mode(SqliteLockingMode::Exclusive)
                .vfs("unix-none")
        } else {
            options.immutable(true)
        };
        let mut connection = options
            .connect()
            .await
            .map_err(|error| failed("read", &path, error))?;
        match is_of_this_layout(&path, &mut connection).await {
            Ok(true) => Ok(Some(Self { path, connection })),
            other => {
                let _ = connection.close().await;
                other.map(|_| None)
            }
        }
    }
}

async fn is_of_this_layout(
    path: &Path,
    connection: &mut SqliteConnection,
) -> Result<bool, StoreError> {
    Ok(is_ours(path, connection).await?
        && layout(connection)
            .await
            .map_err(|error| failed("read", path, error))?
            == NEWEST)
}
