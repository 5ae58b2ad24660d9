//! Bounded growth: which versions go, and giving back their space.

use sqlx::{SqliteConnection, query, query_scalar};

use super::database::{Database, StoreError, signed};

/// Pages that are given back at one time: 4 MiB, so that nobody waits long.
const PAGES: u32 = 1024;

/// Versions that are dropped at one time, for the same reason.
const AT_ONCE: u32 = 500;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Versions of one container or image, the newest; promoted ones are kept besides.
    pub versions: u32,
    /// How old a version may become that is neither the newest nor promoted, milliseconds.
    pub age_ms: u64,
    /// Images of which versions are kept; those whose containers were seen last, besides those that
    /// have containers or promoted versions.
    pub images: u32,
}

impl Database {
    /// Drops what is beyond the bounds and gives back some of the space; true if there is more to do.
    /// Nothing is too old without a time that can be trusted.
    ///
    /// # Errors
    /// It cannot be written; what was there stays.
    pub async fn tidy(
        &mut self,
        retention: Retention,
        trusted_ms: Option<u64>,
    ) -> Result<bool, StoreError> {
        let oldest = trusted_ms.map_or(0, |now_ms| now_ms.saturating_sub(retention.age_ms));
        let oldest = signed(oldest);
        let dropped = self
            .write(async |connection| {
                // Never the newest, whatever the bounds: the next one is compared with it.
                let mut digests: Vec<Vec<u8>> = query_scalar(
                    "DELETE FROM version WHERE (subject, number) IN (
                       SELECT subject, number FROM (
                         SELECT subject, number, created_ms, promoted_ms,
                           row_number() OVER (PARTITION BY subject ORDER BY number DESC) AS place
                         FROM version)
                       WHERE place > 1 AND promoted_ms IS NULL
                         AND (place > ?1 OR created_ms < ?2) LIMIT ?3)
                     RETURNING digest",
                )
                .bind(retention.versions)
                .bind(oldest)
                .bind(AT_ONCE)
                .fetch_all(&mut *connection)
                .await?;
                query(
                    "DELETE FROM workload AS one
                     WHERE NOT EXISTS (SELECT 1 FROM container WHERE workload = one.key)
                       AND NOT EXISTS (SELECT 1 FROM version
                         WHERE subject = 'image:' || one.key AND promoted_ms IS NOT NULL)
                       AND (changed_ms < ?2 OR key NOT IN
                         (SELECT key FROM workload ORDER BY changed_ms DESC, key LIMIT ?1))",
                )
                .bind(retention.images)
                .bind(oldest)
                .execute(&mut *connection)
                .await?;
                let of_no_image: Vec<Vec<u8>> = query_scalar(
                    "DELETE FROM version WHERE (subject, number) IN (
                       SELECT subject, number FROM version
                       WHERE subject >= 'image:' AND subject < 'image;'
                         AND substr(subject, 7) NOT IN (SELECT key FROM workload) LIMIT ?1)
                     RETURNING digest",
                )
                .bind(AT_ONCE)
                .fetch_all(&mut *connection)
                .await?;
                digests.extend(of_no_image);
                drop_profiles(connection, &digests).await?;
                Ok(digests.len())
            })
            .await?;
        Ok(self.shrink().await? || dropped >= AT_ONCE as usize)
    }

    /// Gives free pages back to the file system; true if there are more.
    async fn shrink(&mut self) -> Result<bool, StoreError> {
        let free: u32 = query_scalar("PRAGMA freelist_count")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| self.failed("read", error))?;
        if free == 0 {
            return Ok(false);
        }
        // 1024 is PAGES; a pragma takes no parameters.
        query("PRAGMA incremental_vacuum(1024)")
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| self.failed("shrink", error))?;
        Ok(free > PAGES)
    }
}

/// Drops those of the profiles that no version has any more.
pub(super) async fn drop_profiles(
    connection: &mut SqliteConnection,
    digests: &[Vec<u8>],
) -> sqlx::Result<()> {
    for digest in digests {
        query(
            "DELETE FROM profile WHERE digest = ?1
             AND NOT EXISTS (SELECT 1 FROM version WHERE digest = ?1)",
        )
        .bind(digest)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
