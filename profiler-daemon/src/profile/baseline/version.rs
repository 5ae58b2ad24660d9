//! Versions of runtimes, as far as the tables of needs tell them apart.

/// Major, minor and patch; what follows (`-rc.1`, `+ds1`) is not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) patch: u32,
}

impl Version {
    /// Reads `1.1.5`, `v1.3.6`, `1.4.0-rc.3`, `1.1.5+ds1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let core = text
            .trim()
            .trim_start_matches('v')
            .split(['-', '+', '~', ' '])
            .next()?;
        let mut parts = core.split('.').map(str::parse::<u32>);
        Some(Self {
            major: parts.next()?.ok()?,
            minor: parts.next()?.ok()?,
            patch: parts.next().and_then(Result::ok).unwrap_or(0),
        })
    }

    /// Its major and minor version are at least these.
    pub(super) fn at_least(self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// A runc with the changes of November 2025, which went into three lines at once.
    pub(super) fn runc_opens_proc_safely(self) -> bool {
        match (self.major, self.minor) {
            (1, 2) => self.patch >= 8,
            (1, 3) => self.patch >= 3,
            _ => self.at_least(1, 4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_runtimes_print() {
        for (text, triple) in [
            ("1.1.5+ds1", (1, 1, 5)),
            ("v1.3.6", (1, 3, 6)),
            ("1.4.0-rc.3", (1, 4, 0)),
            ("1.8", (1, 8, 0)),
        ] {
            let version = Version::parse(text).unwrap();
            assert_eq!((version.major, version.minor, version.patch), triple);
        }
        assert_eq!(Version::parse("unknown"), None);
    }

    #[test]
    fn tells_the_lines_of_runc_apart() {
        let safe = |text| Version::parse(text).unwrap().runc_opens_proc_safely();
        assert!(!safe("1.1.15") && !safe("1.2.7") && !safe("1.3.2"));
        assert!(safe("1.2.8") && safe("1.3.3") && safe("1.4.0") && safe("2.0.0"));
    }
}
