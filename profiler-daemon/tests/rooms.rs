//! Guards the rooms of the daemon: which module may reach which, and where a dangerous thing may be.
//!
//! The source is read as tokens, not compiled: `use` trees and paths in the code are followed from
//! `crate`, `self`, `super` and the crate's own name. What a macro makes up is not seen.

#[path = "rooms/paths.rs"]
mod paths;
#[path = "rooms/planted.rs"]
mod planted;
#[path = "rooms/tokens.rs"]
mod tokens;

use std::{fs, io, path::Path};

/// A module, and all that it may reach. The row with the longest matching module counts, and a
/// module without a row is a mistake.
const REACH: &[(&str, &[&str])] = &[
    ("profile", &["profile"]),
    ("seccomp", &["seccomp", "profile"]),
    ("audit", &["audit", "seccomp", "profile"]),
    ("api::protocol", &["api::protocol", "profile"]),
    ("api::client", &["api", "audit", "seccomp", "profile"]),
    (
        "api",
        &["api", "audit", "seccomp", "profile", "collector::command"],
    ),
    ("cgroup", &["cgroup", "seccomp", "profile", "api::protocol"]),
    ("docker", &["docker", "seccomp", "profile", "api::protocol"]),
    ("recording", &["recording", "profile"]),
    ("claim", &["claim"]),
    ("kernel", &["kernel", "claim", "recording", "profile"]),
    (
        "store",
        &["store", "audit", "seccomp", "profile", "api::protocol"],
    ),
    (
        "sandbox",
        &["sandbox", "seccomp", "profile", "api::protocol"],
    ),
    (
        "collector",
        &[
            "collector",
            "recording",
            "audit",
            "seccomp",
            "profile",
            "api::protocol",
        ],
    ),
    (
        "recorder",
        &[
            "recorder",
            "kernel",
            "cgroup",
            "collector::executables",
            "collector::observed",
            "recording",
            "profile",
        ],
    ),
    (
        "ctl",
        &[
            "ctl",
            "api::client",
            "api::protocol",
            "audit",
            "seccomp",
            "profile",
        ],
    ),
    (
        "ctl::record",
        &["ctl", "recorder", "api::protocol", "seccomp", "profile"],
    ),
    (
        "ctl::run",
        &[
            "ctl",
            "sandbox",
            "docker",
            "trial",
            "api::client",
            "api::protocol",
            "audit",
            "seccomp",
            "profile",
        ],
    ),
    ("apply", &["apply"]),
    (
        "apply::moving",
        &["apply", "docker::blueprint", "docker::sameness"],
    ),
    ("apply::moving_tests", &["apply", "docker::blueprint"]),
    ("apply::undoing", &["apply", "docker::sameness"]),
    (
        "apply::real",
        &["apply", "docker", "api::client", "profile"],
    ),
    (
        "ctl::apply",
        &[
            "ctl",
            "apply",
            "docker",
            "api::client",
            "api::protocol",
            "seccomp",
            "profile",
        ],
    ),
    (
        "ctl::verify",
        &[
            "ctl",
            "docker",
            "trial",
            "api::client",
            "audit",
            "seccomp",
            "profile",
        ],
    ),
    (
        "ctl::container_args",
        &["ctl", "docker::endpoint", "docker::fresh"],
    ),
    (
        "ctl::enforced",
        &["ctl", "docker::fresh", "audit", "seccomp", "profile"],
    ),
    ("ctl::enforced_wording", &["ctl", "trial::proof", "seccomp"]),
    (
        "ctl::docker_failure",
        &["ctl", "docker::client", "docker::lifecycle", "trial"],
    ),
    (
        "trial",
        &[
            "trial",
            "docker",
            "kernel::loaded_filters",
            "api::client",
            "api::protocol",
            "audit",
            "seccomp",
            "profile",
        ],
    ),
    ("config", &["config"]),
    ("telemetry", &["telemetry", "config"]),
    ("daemon", &["*"]),
    ("bin", &["config::Flags", "daemon", "ctl"]),
];

/// Rooms that take values and give values.
const PURE: &[&str] = &[
    "profile",
    "recording",
    "seccomp",
    "audit",
    "api::protocol",
    "apply::compose",
    "apply::facts",
    "apply::names",
    "apply::plan",
    "apply::recovery",
    "docker::blueprint",
    "docker::sameness",
];

/// Crates that reach outside the process, or wait.
const IMPURE_CRATES: &[&str] = &[
    "aya",
    "aya_obj",
    "axum",
    "bollard",
    "hyper",
    "libc",
    "rustix",
    "sqlx",
    "tokio",
    "tokio_util",
    "ureq",
];

/// Parts of std that do.
const IMPURE_STD: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Crates that belong to one room.
const OWNED_CRATES: &[(&str, &str)] = &[
    ("aya", "kernel"),
    ("aya_obj", "kernel"),
    ("bollard", "docker"),
    ("sqlx", "store"),
    ("ureq", "daemon::webhook"),
];

/// Where `unsafe` may be written. Of the sandbox: the child between fork and execve makes bare
/// system calls; the fork itself, the memory that both have, and the listener that comes of it; what
/// no safe library has (signalfd, the listener's requests, another process's memory).
const UNSAFE: &[&str] = &[
    "kernel",
    "cgroup",
    "api::peer",
    "recorder",
    "sandbox::child",
    "sandbox::listener",
    "sandbox::memory",
    "sandbox::signals",
    "sandbox::spawn",
];

/// Names that say nothing of what a module owns.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "managers",
];

const MOST_LINES: usize = 500;

/// A source file: its path under `src/`, and its text.
struct Source {
    path: String,
    text: String,
}

#[test]
fn every_module_keeps_to_its_room() {
    let mut sources = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read_sources(&root, &root, &mut sources).expect("src/ is readable");
    assert!(sources.len() > 10, "src/ was not found");
    let found = violations(&sources);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn read_sources(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_sources(root, &path, sources)?;
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let inside = path.strip_prefix(root).unwrap_or(&path);
            sources.push(Source {
                path: inside.display().to_string(),
                text: fs::read_to_string(&path)?,
            });
        }
    }
    Ok(())
}

/// Everything that is not as it should be, one sentence each, sorted.
fn violations(sources: &[Source]) -> Vec<String> {
    let rooms: Vec<String> = sources
        .iter()
        .filter_map(|source| module_of(&source.path).first().cloned())
        .collect();
    let mut found: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            let path = &source.path;
            violations_of(source, &rooms)
                .into_iter()
                .map(move |what| format!("src/{path}: {what}"))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn violations_of(source: &Source, rooms: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let module = module_of(&source.path);
    let name = module.join("::");
    if !source.text.starts_with("//!") {
        found.push("does not begin with `//!`".to_owned());
    }
    let lines = source.text.lines().count();
    if lines > MOST_LINES {
        found.push(format!("has {lines} lines, more than {MOST_LINES}"));
    }
    let tokens = tokens::tokens(&source.text);
    let inner = tokens
        .windows(2)
        .filter(|pair| pair[0] == "mod")
        .map(|pair| &pair[1]);
    for part in module.iter().chain(inner) {
        if EMPTY_NAMES.contains(&part.as_str()) {
            found.push(format!(
                "a module named `{part}` says nothing of what it owns"
            ));
        }
    }
    if tokens.iter().any(|token| token == "unsafe") && !within_any(&name, UNSAFE) {
        found.push(format!("`unsafe` is not for {name}"));
    }
    let paths = paths::paths(&tokens, &module);
    for (krate, owner) in OWNED_CRATES {
        if !within(&name, owner) && paths.iter().any(|path| within(path, krate)) {
            found.push(format!("`{krate}` is for {owner} only"));
        }
    }
    if within_any(&name, PURE) && !source.path.ends_with("tests.rs") {
        let tokens = tokens::without_tests(&tokens);
        for path in paths::paths(&tokens, &module) {
            if within_any(&path, IMPURE_STD) || within_any(&path, IMPURE_CRATES) {
                found.push(format!("{name} is pure, and `{path}` is not"));
            }
        }
    }
    if module.is_empty() {
        return found;
    }
    let row = REACH
        .iter()
        .filter(|(room, _)| within(&name, room))
        .max_by_key(|(room, _)| room.len());
    let Some((_, may)) = row else {
        found.push(format!(
            "{name} has no row in tests/rooms.rs: say there what it may reach"
        ));
        return found;
    };
    for path in &paths {
        let Some(inside) = path.strip_prefix("crate::") else {
            continue;
        };
        let room = inside.split("::").next().unwrap_or_default();
        if rooms.iter().any(|known| known == room)
            && !may.contains(&"*")
            && !within_any(inside, may)
        {
            found.push(format!("{name} may not reach `{inside}`"));
        }
    }
    found
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`; the library's root is empty.
fn module_of(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    parts
}

fn within(path: &str, room: &str) -> bool {
    path.strip_prefix(room)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn within_any(path: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| within(path, room))
}
