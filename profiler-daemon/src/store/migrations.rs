//! The database's layouts, one after the other. A layout that was released never changes: what
//! comes after it is a further migration.

use sqlx::{AssertSqlSafe, SqliteConnection, query_scalar, raw_sql};

use super::database::whole;

/// Each brings the database from the layout before to its own; its place, from 1, is its number.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
];

/// The newest layout.
pub(super) const NEWEST: u32 = MIGRATIONS.len() as u32;

/// The layout of a database; 0 for one that is empty.
pub(super) async fn layout(connection: &mut SqliteConnection) -> sqlx::Result<u32> {
    query_scalar("PRAGMA user_version")
        .fetch_one(connection)
        .await
}

/// Brings a database to a layout, each step whole or not at all.
pub(super) async fn migrate(connection: &mut SqliteConnection, to: u32) -> sqlx::Result<()> {
    let from = layout(connection).await?;
    for number in from + 1..=to {
        let Some(migration) = MIGRATIONS.get(number as usize - 1) else {
            break;
        };
        whole(connection, async |connection| {
            raw_sql(*migration).execute(&mut *connection).await?;
            // A pragma takes no parameters; this is a number.
            let mark = AssertSqlSafe(format!("PRAGMA user_version = {number}"));
            raw_sql(mark).execute(connection).await?;
            Ok(())
        })
        .await?;
        if from > 0 {
            tracing::info!(layout = number, "the database has a new layout");
        }
    }
    Ok(())
}
