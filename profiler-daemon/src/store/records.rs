//! Containers with what was observed of them, records without a name, filters, what was learned.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use super::{
    database::{Database, StoreError, signed},
    retention::drop_profiles,
};
use crate::profile::workload::SEPARATOR;

/// Records without a name that are kept; the oldest go first.
const NAMELESS_LIMIT: u32 = 1000;
/// Filters that are kept; the oldest go first. A host has a few dozen different ones.
const FILTER_LIMIT: u32 = 10_000;

/// What is kept of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRecord {
    /// Its full id.
    pub id: String,
    /// Its workload's key and its image's reference, once the engine told.
    pub workload: Option<(String, String)>,
    /// When it was last changed, milliseconds since the epoch.
    pub changed_ms: u64,
    /// All that there is to keep of it.
    pub record: String,
}

/// The entrypoint in a workload's key; empty where it is the image's own.
pub(super) fn entrypoint_of(key: &str) -> &str {
    key.split_once(SEPARATOR)
        .map_or("", |(_, entrypoint)| entrypoint)
}

impl Database {
    /// Ids of the containers of which something is kept, sorted.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn container_ids(&mut self) -> Result<Vec<String>, StoreError> {
        query_scalar("SELECT id FROM container ORDER BY id")
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))
    }

    /// What is kept of a container; none if nothing is.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn container(&mut self, id: &str) -> Result<Option<String>, StoreError> {
        query_scalar("SELECT record FROM container WHERE id = ?1")
            .bind(id)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))
    }

    /// Keeps a container, in place of what was kept of it.
    ///
    /// # Errors
    /// It cannot be written; what was kept before is unchanged.
    pub async fn keep_container(&mut self, kept: &ContainerRecord) -> Result<(), StoreError> {
        self.write(async |connection| keep(connection, kept).await)
            .await
    }

    /// Keeps under another id what was kept under this one: a container, in the form that is given, and
    /// its versions. Nothing may have the other id.
    ///
    /// # Errors
    /// It cannot be written; what was kept before is unchanged.
    pub async fn set_aside(&mut self, id: &str, kept: &ContainerRecord) -> Result<(), StoreError> {
        self.write(async |connection| {
            keep(connection, kept).await?;
            query(
                "UPDATE version SET subject = 'container:' || ?2 WHERE subject = 'container:' || ?1",
            )
            .bind(id)
            .bind(&kept.id)
            .execute(&mut *connection)
            .await?;
            query("DELETE FROM container WHERE id = ?1")
                .bind(id)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Forgets a container, and its versions.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn forget_container(&mut self, id: &str) -> Result<(), StoreError> {
        self.write(async |connection| {
            let digests: Vec<Vec<u8>> = query_scalar(
                "DELETE FROM version WHERE subject = 'container:' || ?1 RETURNING digest",
            )
            .bind(id)
            .fetch_all(&mut *connection)
            .await?;
            drop_profiles(connection, &digests).await?;
            query("DELETE FROM container WHERE id = ?1")
                .bind(id)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// The workloads that containers are known of or versions kept, by key and the image's reference,
    /// the newest first.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn images(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        query_as("SELECT key, reference FROM workload ORDER BY changed_ms DESC, key")
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))
    }

    /// Keeps the record of a cgroup that nobody could name; whatever the clock says, it is the newest.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep_nameless(
        &mut self,
        cgroup: u64,
        record: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.write(async |connection| {
            // After a reboot another cgroup has the id. What was kept under it before goes on under a
            // number that is no cgroup's.
            query(
                "UPDATE nameless SET cgroup = (SELECT min(min(cgroup), 0) - 1 FROM nameless)
                 WHERE cgroup = ?1 AND record <> ?2",
            )
            .bind(signed(cgroup))
            .bind(record)
            .execute(&mut *connection)
            .await?;
            query(
                "INSERT OR REPLACE INTO nameless (cgroup, kept_ms, record)
                 VALUES (?1, max(?2, 1 + (SELECT coalesce(max(kept_ms), -1) FROM nameless)), ?3)",
            )
                .bind(signed(cgroup))
                .bind(signed(now_ms))
                .bind(record)
                .execute(&mut *connection)
                .await?;
            query(
                "DELETE FROM nameless WHERE cgroup IN
                 (SELECT cgroup FROM nameless ORDER BY kept_ms DESC, cgroup DESC LIMIT -1 OFFSET ?1)",
            )
            .bind(NAMELESS_LIMIT)
            .execute(connection)
            .await?;
            Ok(())
        })
        .await
    }

    /// What was learned of the runtimes; none before anything was.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn learned(&mut self) -> Result<Option<String>, StoreError> {
        query_scalar("SELECT record FROM learned")
            .fetch_optional(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))
    }

    /// Keeps what was learned.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep_learned(&mut self, record: &str) -> Result<(), StoreError> {
        self.write(async |connection| {
            query("INSERT OR REPLACE INTO learned (one, record) VALUES (1, ?1)")
                .bind(record)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Keeps a filter's instructions under its hash; they never change. Whatever the clock says, it is
    /// the newest.
    ///
    /// # Errors
    /// They cannot be written.
    pub async fn keep_filter(
        &mut self,
        hash: &str,
        instructions: &[u8],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.write(async |connection| {
            let added = query(
                "INSERT INTO filter (hash, kept_ms, instructions)
                 VALUES (?1, max(?2, 1 + (SELECT coalesce(max(kept_ms), -1) FROM filter)), ?3)
                 ON CONFLICT (hash) DO NOTHING",
            )
            .bind(hash)
            .bind(signed(now_ms))
            .bind(instructions)
            .execute(&mut *connection)
            .await?;
            if added.rows_affected() > 0 {
                query(
                    "DELETE FROM filter WHERE hash IN
                     (SELECT hash FROM filter ORDER BY kept_ms DESC, hash LIMIT -1 OFFSET ?1)",
                )
                .bind(FILTER_LIMIT)
                .execute(connection)
                .await?;
            }
            Ok(())
        })
        .await
    }

    /// A filter's instructions, if they were kept.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn filter(&mut self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        query_scalar("SELECT instructions FROM filter WHERE hash = ?1")
            .bind(hash)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))
    }
}

/// Keeps a container, in place of what was kept of it.
async fn keep(connection: &mut SqliteConnection, kept: &ContainerRecord) -> sqlx::Result<()> {
    let changed = signed(kept.changed_ms);
    let mut workload = None;
    if let Some((key, reference)) = &kept.workload {
        query(
            "INSERT INTO workload (key, reference, changed_ms, entrypoint) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE SET reference = ?2, changed_ms = max(changed_ms, ?3)",
        )
        .bind(key)
        .bind(reference)
        .bind(changed)
        .bind(entrypoint_of(key))
        .execute(&mut *connection)
        .await?;
        workload = Some(key);
    }
    query(
        "INSERT INTO container (id, workload, changed_ms, record) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET workload = ?2, changed_ms = ?3, record = ?4",
    )
    .bind(&kept.id)
    .bind(workload)
    .bind(changed)
    .bind(&kept.record)
    .execute(connection)
    .await?;
    Ok(())
}
