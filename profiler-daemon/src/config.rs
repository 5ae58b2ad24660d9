//! What the daemon is told: flags, environment, configuration file, defaults, in that order.

mod records;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;
use serde::Deserialize;
use thiserror::Error;

pub use records::ConfiguredRecords;

/// Where the configuration file is looked for.
pub const CONFIG_FILE: &str = "/etc/profiler/profilerd.toml";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Which hooks to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookChoice {
    /// BTF tracepoints where the kernel has BTF, classic ones elsewhere
    #[default]
    Auto,
    /// BTF tracepoints
    Btf,
    /// Classic tracepoints
    Classic,
}

/// The command line of `profilerd`.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "profilerd",
    version,
    about = "Records every container's system calls, and keeps a least-privilege seccomp profile for each"
)]
pub struct Flags {
    /// Socket to listen on [default: /run/profiler/profilerd.sock]
    #[arg(long, value_name = "PATH", env = "PROFILER_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Directory for what must outlive containers [default: /var/lib/profiler]
    #[arg(long, value_name = "DIR", env = "PROFILER_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Docker's socket, or `none` [default: unix:///var/run/docker.sock]
    #[arg(long, value_name = "URL|none", env = "DOCKER_HOST")]
    pub docker: Option<String>,
    /// Configuration file [default: /etc/profiler/profilerd.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "PROFILER_CONFIG")]
    pub config: Option<PathBuf>,
    /// How log lines look [default: text]
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// Where to pin maps and programs, on a bpf file system [default: /sys/fs/bpf/profiler]
    #[arg(long, value_name = "DIR")]
    pub pin_dir: Option<PathBuf>,
    /// Pin nothing: the recording ends with the daemon
    #[arg(long)]
    pub no_pin: bool,
    /// How many cgroups can be recorded at once [default: 8192]
    #[arg(long, value_name = "N")]
    pub max_cgroups: Option<u32>,
    /// Size of the ring of news in bytes [default: 1048576]
    #[arg(long, value_name = "BYTES")]
    pub ring_bytes: Option<u32>,
    /// Count calls and errors of every call, as `strace -c` does
    #[arg(long)]
    pub count: bool,
    /// Record which values the arguments of telling calls have (`profilectl export --args`)
    #[arg(long)]
    pub args: bool,
    /// Which hooks to use [default: auto]
    #[arg(long, value_enum)]
    pub hooks: Option<HookChoice>,
    /// Post news of drift from promoted versions to this address, as JSON
    #[arg(long, value_name = "URL", env = "PROFILER_WEBHOOK")]
    pub webhook: Option<String>,
    /// Detach everything that is pinned, drop what it holds, and exit
    #[arg(long)]
    pub unload: bool,
    /// Serve a recording from a file and record nothing; for bug reports and tests, needs no root
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// With --replay: the cgroup tree that the file's ids are inodes of [default: this host's]
    #[arg(long, value_name = "DIR", requires = "replay")]
    pub cgroup_root: Option<PathBuf>,
}

/// The configuration file; every key is optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    socket: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    docker: Option<String>,
    log_format: Option<LogFormat>,
    pin_dir: Option<PathBuf>,
    no_pin: Option<bool>,
    max_cgroups: Option<u32>,
    ring_bytes: Option<u32>,
    count: Option<bool>,
    args: Option<bool>,
    hooks: Option<HookChoice>,
    webhook: Option<String>,
    #[serde(default)]
    phases: ConfiguredPhases,
    #[serde(default)]
    shadow: Vec<ConfiguredShadow>,
    #[serde(default)]
    versions: ConfiguredVersions,
    #[serde(default)]
    records: ConfiguredRecords,
}

/// When versions are made, and how many are kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfiguredVersions {
    /// Seconds without a new call before a version is made.
    quiet_s: Option<u32>,
    /// Versions of one container or image, the promoted ones besides.
    most: Option<u32>,
    /// Days after which one is dropped that is neither the newest nor promoted.
    days: Option<u32>,
    /// Images without a container of which versions are kept.
    images: Option<u32>,
}

/// How the phases of a container are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredPhases {
    /// Seconds without a new call after which a container without a health check has started up.
    settle: Option<u32>,
}

/// A candidate that is attached to all containers of an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredShadow {
    /// The image's reference or id.
    pub image: String,
    /// The file that the candidate is in.
    pub profile: PathBuf,
}

/// Everything settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Socket to listen on.
    pub socket: PathBuf,
    /// What outlives containers.
    pub state_dir: PathBuf,
    /// Docker's socket, or `none`.
    pub docker: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Where to pin; none to pin nothing.
    pub pin_dir: Option<PathBuf>,
    /// Cgroups recorded at once.
    pub max_cgroups: u32,
    /// Size of the ring, bytes.
    pub ring_bytes: u32,
    /// Counting.
    pub count: bool,
    /// Values of arguments.
    pub args: bool,
    /// Hooks.
    pub hooks: HookChoice,
    /// Where news of drift is posted to.
    pub webhook: Option<String>,
    /// Seconds without a new call after which a container without a health check has started up.
    pub settle_s: u32,
    /// Candidates that are attached from the beginning; no two to one image.
    pub shadows: Vec<ConfiguredShadow>,
    /// How long nothing new must come before a version is made.
    pub quiet: Duration,
    /// Versions of one container or image that are kept.
    pub versions: u32,
    /// Days for which they are kept.
    pub version_days: u32,
    /// Images of which versions are kept though they have no container.
    pub images: u32,
    /// How much is kept of containers that ended.
    pub records: ConfiguredRecords,
    /// A recording to serve in place of the kernel's.
    pub replay: Option<PathBuf>,
    /// The tree of cgroups, if not the host's.
    pub cgroup_root: Option<PathBuf>,
}

/// The configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be; the text names line and column.
    #[error("{path}: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A shadow's image is unclear.
    #[error(
        "[[shadow]]: the image {image:?} must be named, and once only: one candidate goes with an image"
    )]
    Shadow {
        /// The image.
        image: String,
    },
    /// The webhook is no address.
    #[error("webhook: {url:?} is no address: write http://HOST/… or https://HOST/…")]
    Webhook {
        /// What was given.
        url: String,
    },
    /// A number is out of range.
    #[error("{name} must be between {least} and {most}, not {value}")]
    Range {
        /// Which setting.
        name: &'static str,
        /// What it was.
        value: u32,
        /// The least that works.
        least: u32,
        /// The most that makes sense.
        most: u32,
    },
}

impl Config {
    /// Settles flags, environment (which clap has put into the flags) and file.
    ///
    /// # Errors
    /// The file cannot be read or parsed, or a number is out of range.
    pub fn settle(flags: Flags) -> Result<Self, ConfigError> {
        let file = match &flags.config {
            Some(path) => read(path)?,
            None if Path::new(CONFIG_FILE).exists() => read(Path::new(CONFIG_FILE))?,
            None => ConfigFile::default(),
        };
        Self::merge(flags, file)
    }

    fn merge(flags: Flags, file: ConfigFile) -> Result<Self, ConfigError> {
        let no_pin = flags.no_pin || file.no_pin.unwrap_or(false);
        let pin_dir = flags
            .pin_dir
            .or(file.pin_dir)
            .unwrap_or_else(|| "/sys/fs/bpf/profiler".into());
        Ok(Self {
            socket: flags
                .socket
                .or(file.socket)
                .unwrap_or_else(|| "/run/profiler/profilerd.sock".into()),
            state_dir: flags
                .state_dir
                .or(file.state_dir)
                .unwrap_or_else(|| "/var/lib/profiler".into()),
            docker: flags
                .docker
                .or(file.docker)
                .unwrap_or_else(|| "unix:///var/run/docker.sock".into()),
            log_format: flags.log_format.or(file.log_format).unwrap_or_default(),
            pin_dir: (!no_pin).then_some(pin_dir),
            max_cgroups: within(
                "max-cgroups",
                flags.max_cgroups.or(file.max_cgroups).unwrap_or(8192),
                4,
                1 << 20,
            )?,
            ring_bytes: within(
                "ring-bytes",
                flags.ring_bytes.or(file.ring_bytes).unwrap_or(1 << 20),
                4096,
                1 << 30,
            )?,
            count: flags.count || file.count.unwrap_or(false),
            args: flags.args || file.args.unwrap_or(false),
            hooks: flags.hooks.or(file.hooks).unwrap_or_default(),
            webhook: address(flags.webhook.or(file.webhook))?,
            settle_s: within(
                "[phases] settle",
                file.phases.settle.unwrap_or(10),
                1,
                86_400,
            )?,
            shadows: each_image_once(file.shadow)?,
            quiet: Duration::from_secs(
                within(
                    "versions.quiet_s",
                    file.versions.quiet_s.unwrap_or(10),
                    1,
                    86_400,
                )?
                .into(),
            ),
            versions: within(
                "versions.most",
                file.versions.most.unwrap_or(200),
                2,
                1 << 20,
            )?,
            version_days: within(
                "versions.days",
                file.versions.days.unwrap_or(365),
                1,
                36_500,
            )?,
            images: within(
                "versions.images",
                file.versions.images.unwrap_or(2000),
                1,
                1 << 20,
            )?,
            records: file.records,
            replay: flags.replay,
            cgroup_root: flags.cgroup_root,
        })
    }
}

fn within(name: &'static str, value: u32, least: u32, most: u32) -> Result<u32, ConfigError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::Range {
            name,
            value,
            least,
            most,
        })
    }
}

fn address(url: Option<String>) -> Result<Option<String>, ConfigError> {
    let host = |url: &str| {
        let rest = url.strip_prefix("http://").or(url.strip_prefix("https://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    };
    match url {
        Some(url) if !host(&url) => Err(ConfigError::Webhook { url }),
        url => Ok(url),
    }
}

/// Shadows that are configured at most.
const MOST_SHADOWS: u32 = 32;

fn each_image_once(shadows: Vec<ConfiguredShadow>) -> Result<Vec<ConfiguredShadow>, ConfigError> {
    within(
        "the number of [[shadow]] sections",
        u32::try_from(shadows.len()).unwrap_or(u32::MAX),
        0,
        MOST_SHADOWS,
    )?;
    for (place, shadow) in shadows.iter().enumerate() {
        if shadow.image.is_empty()
            || shadows
                .iter()
                .skip(place + 1)
                .any(|other| other.image == shadow.image)
        {
            return Err(ConfigError::Shadow {
                image: shadow.image.clone(),
            });
        }
    }
    Ok(shadows)
}

fn read(path: &Path) -> Result<ConfigFile, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|source| ConfigError::Invalid {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigFile, Flags};

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let file: ConfigFile =
            toml::from_str("socket = '/a'\nmax_cgroups = 99\ncount = true").unwrap();
        let flags = Flags {
            socket: Some("/b".into()),
            ..Flags::default()
        };
        let config = Config::merge(flags, file).unwrap();
        assert_eq!(config.socket.to_str(), Some("/b"));
        assert_eq!(config.max_cgroups, 99);
        assert!(config.count);
        assert_eq!(config.state_dir.to_str(), Some("/var/lib/profiler"));
    }

    #[test]
    fn an_unknown_key_and_a_silly_number_are_refused() {
        assert!(toml::from_str::<ConfigFile>("sokcet = '/a'").is_err());
        let flags = Flags {
            ring_bytes: Some(1),
            ..Flags::default()
        };
        let error = Config::merge(flags, ConfigFile::default()).unwrap_err();
        assert!(error.to_string().contains("ring-bytes"), "{error}");
    }

    #[test]
    fn a_bound_of_records_is_refused_by_its_line() {
        let bad = |text: &str| toml::from_str::<ConfigFile>(text).unwrap_err().to_string();
        for (key, most) in [
            ("most", "1000000"),
            ("days", "36500"),
            ("imported_mib", "1048576"),
        ] {
            for value in ["0", "-3", "4294967296"] {
                let said = bad(&format!("[records]\n{key} = {value}"));
                let wanted = format!("must be between 1 and {most}, not {value}");
                assert!(said.contains("line 2") && said.contains(&wanted), "{said}");
            }
            assert!(bad(&format!("[records]\n{key} = 'many'")).contains("line 2"));
        }
        assert!(bad("[records]\nmoist = 3").contains("line 2"));
        let file = toml::from_str("[records]\ndays = 7").unwrap();
        let records = Config::merge(Flags::default(), file).unwrap().records;
        assert_eq!(
            (records.most(), records.days(), records.imported_mib()),
            (1000, 7, 256)
        );
    }
}
