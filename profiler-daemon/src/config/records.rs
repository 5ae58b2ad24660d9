//! How much is kept of containers that ended, as the configuration file tells it.

use serde::{Deserialize, Deserializer, de::Error};

/// A number of the file, and what it may be. Outside of that it is refused where it stands, so that
/// the file's line is told with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Within<const LEAST: u32, const MOST: u32>(u32);

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Within<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(from)?;
        match u32::try_from(value) {
            Ok(value) if (LEAST..=MOST).contains(&value) => Ok(Self(value)),
            _ => Err(D::Error::custom(format!(
                "must be between {LEAST} and {MOST}, not {value}"
            ))),
        }
    }
}

/// The section `[records]`, each key with its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfiguredRecords {
    most: Within<1, 1_000_000>,
    days: Within<1, 36_500>,
    imported_mib: Within<1, 1_048_576>,
}

impl Default for ConfiguredRecords {
    fn default() -> Self {
        Self {
            most: Within(1000),
            days: Within(365),
            imported_mib: Within(256),
        }
    }
}

impl ConfiguredRecords {
    /// Containers that ended, of this host, and as many imported ones.
    #[must_use]
    pub fn most(self) -> u32 {
        self.most.0
    }

    /// Days for which they are kept.
    #[must_use]
    pub fn days(self) -> u32 {
        self.days.0
    }

    /// MiB of imported records.
    #[must_use]
    pub fn imported_mib(self) -> u32 {
        self.imported_mib.0
    }
}
