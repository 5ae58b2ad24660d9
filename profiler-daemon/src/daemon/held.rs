//! The database while it can be written, and what is done while it cannot be.
//!
//! A state directory may be read-only from the beginning, become so by an error of its disk, and be
//! mended, without the daemon ending: recording needs none of it. Meanwhile what is kept is read, and
//! no file is held open, so that the file system can be unmounted and checked.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_executor::block_on;
use thiserror::Error;

use crate::{
    claim::{Claim, ClaimError, PATIENCE},
    collector::ports::{KeepError, Reach},
    store::{Database, FILE, StoreError, has_no_room},
};

/// Why there is no database.
#[derive(Debug, Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    fn cannot_be_written(&self) -> bool {
        match self {
            // It is not there, and cannot be made: nobody else can hold it either.
            Self::Claim(ClaimError::Refused { source, .. }) => has_no_room(source),
            Self::Claim(ClaimError::Taken { .. }) => false,
            Self::Store(error) => error.cannot_be_written(),
        }
    }

    /// Another daemon writes to it: it must not be read as what never changes.
    fn is_anothers(&self) -> bool {
        match self {
            Self::Claim(error) => matches!(error, ClaimError::Taken { .. }),
            Self::Store(error) => error.is_in_use(),
        }
    }
}

/// The database of a state directory.
pub(super) struct Held {
    root: PathBuf,
    hold: Hold,
    /// What the database held was read.
    known: bool,
    /// There was one. It is not begun anew then: where its file is gone, a file system is not mounted.
    there: bool,
}

enum Hold {
    /// The directory is this daemon's alone as long as it is written to.
    Open(Database, Claim),
    /// Nothing can be kept, and why.
    Shut {
        why: String,
        /// What is kept can be read all the same.
        readable: bool,
    },
}

impl Held {
    /// Opens the database, to be read only where the state directory cannot be written.
    ///
    /// # Errors
    /// Another daemon has it, it cannot be opened for another reason, or not be read: who began without
    /// it would write less over it.
    pub(super) fn open(root: &Path) -> Result<Self, OpenError> {
        let held = |hold, known| Self {
            root: root.to_owned(),
            hold,
            known,
            there: is_there(root),
        };
        // Whoever asks for what is kept hears if it cannot be read.
        match opened(root, PATIENCE, false) {
            Ok((database, claim)) => Ok(held(Hold::Open(database, claim), true)),
            Err(error) if error.cannot_be_written() => {
                let why = told(&error);
                tracing::error!("{why}; recording goes on in the kernel's maps");
                // One that is damaged or of another program is no more welcome for that.
                let read = block_on(read_only(root, &async |database: &mut Database| {
                    database.container_ids().await
                }))?;
                let readable = true;
                Ok(held(Hold::Shut { why, readable }, read.is_some()))
            }
            Err(error) => Err(error),
        }
    }

    /// Why nothing can be kept; none while it can.
    pub(super) fn shut(&self) -> Option<&str> {
        match &self.hold {
            Hold::Open(..) => None,
            Hold::Shut { why, .. } => Some(why),
        }
    }

    /// Where the database is.
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(FILE)
    }

    /// Changes what is kept.
    pub(super) fn write<T>(
        &mut self,
        work: impl AsyncFn(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, KeepError> {
        self.open_one(&work)
            .unwrap_or_else(|| Err(KeepError(self.shut().unwrap_or_default().to_owned())))
    }

    /// Reads what is kept; nothing where there never was a database.
    pub(super) fn read<T: Default>(
        &mut self,
        work: impl AsyncFn(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, KeepError> {
        if let Some(done) = self.open_one(&work) {
            return done;
        }
        if let Hold::Shut { why, readable } = &self.hold
            && self.known
            && !readable
        {
            return Err(KeepError(why.clone()));
        }
        block_on(read_only(&self.root, &work))
            .map(Option::unwrap_or_default)
            .map_err(failed)
    }

    /// Works with the database that is open; none if there is none.
    fn open_one<T>(
        &mut self,
        work: &impl AsyncFn(&mut Database) -> Result<T, StoreError>,
    ) -> Option<Result<T, KeepError>> {
        let Hold::Open(database, _) = &mut self.hold else {
            return None;
        };
        match block_on(work(database)) {
            Err(error) if error.is_out_of_reach() => {}
            done => return Some(done.map_err(failed)),
        }
        // What is open may not be what is there: an error of the disk lasts until it is mounted again.
        let shut = Hold::Shut {
            why: String::new(),
            readable: false,
        };
        if let Hold::Open(database, _claim) = std::mem::replace(&mut self.hold, shut) {
            // What was written ahead is read again when it is opened.
            let _ = block_on(database.close());
        }
        self.open_again();
        let Hold::Open(database, _) = &mut self.hold else {
            return None;
        };
        Some(block_on(work(database)).map_err(failed))
    }

    /// Tries again to open what could not be written.
    pub(super) fn retry(&mut self) -> Reach {
        if self.shut().is_none() {
            return Reach::Same;
        }
        let known = self.known;
        self.open_again();
        match (self.shut(), known) {
            (Some(_), _) => Reach::Same,
            (None, true) => Reach::Writable,
            (None, false) => Reach::Found,
        }
    }

    fn open_again(&mut self) {
        self.there |= is_there(&self.root);
        if self.there && !is_there(&self.root) {
            let why = format!(
                "nothing is kept: {} is gone: mount what it lies on, or start profilerd again to begin anew",
                self.path().display()
            );
            return self.shut_for(why, false);
        }
        // The collector waits for it.
        match opened(&self.root, Duration::ZERO, !self.known) {
            Ok((database, claim)) => {
                self.hold = Hold::Open(database, claim);
                (self.known, self.there) = (true, true);
            }
            Err(error) => self.shut_for(told(&error), !error.is_anothers()),
        }
    }

    fn shut_for(&mut self, why: String, readable: bool) {
        if self.shut() != Some(&why) {
            tracing::error!("{why}");
        }
        self.hold = Hold::Shut { why, readable };
    }
}

/// The database to be written, if it can be read too, in a directory that no other daemon has. With
/// `wholly`, every record is read: what is found while the daemon works must not be joined in part.
fn opened(root: &Path, patience: Duration, wholly: bool) -> Result<(Database, Claim), OpenError> {
    let advice = "stop that one, or name another --state-dir";
    let claim = Claim::take(root, patience, advice)?;
    let database = block_on(async {
        let mut database = Database::open(root).await?;
        for id in database.container_ids().await? {
            if wholly {
                database.container(&id).await?;
            }
        }
        Ok::<_, StoreError>(database)
    })?;
    Ok((database, claim))
}

/// There is a database, or what is left of one.
fn is_there(root: &Path) -> bool {
    fs::metadata(root.join(FILE)).is_ok_and(|file| file.len() > 0)
}

/// Works with the database as it lies there; none if there is none that can be read so.
async fn read_only<T>(
    root: &Path,
    work: &impl AsyncFn(&mut Database) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let Some(mut database) = Database::open_read_only(root).await? else {
        return Ok(None);
    };
    let done = work(&mut database).await;
    // Nothing was written that could be lost by it.
    let _ = database.close().await;
    done.map(Some)
}

fn told(error: &OpenError) -> String {
    format!("nothing is kept: {error}")
}

fn failed(error: StoreError) -> KeepError {
    KeepError(error.to_string())
}
