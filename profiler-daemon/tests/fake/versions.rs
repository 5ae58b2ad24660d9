//! Versions as the fake has them: three of `web` and of its image, of which version 2 is promoted.

use profiler_daemon::profile::discovery::{Discovery, Step};
use profiler_daemon::{
    api::protocol::{
        ErrorBody,
        versions::{History, VersionExport},
    },
    collector::command::versions::{Of, VersionCommand},
    profile::version::{Author, Change, Changed, Reason, Version},
};

const MINUTE: u64 = 60_000;

fn change(change: Changed, nr: u32, name: &str, seen: Option<(u64, &str)>) -> Change {
    Change {
        change,
        abi: "x86_64".to_owned(),
        nr,
        name: name.to_owned(),
        at_ms: seen.map(|(at_ms, _)| at_ms),
        exe: seen.map(|(_, exe)| exe.to_owned()),
        container: seen.map(|_| super::data::WEB_ID.to_owned()),
    }
}

fn versions(now_ms: u64) -> Vec<Version> {
    let version = |number: u64, minutes: u64, calls, reason, changes| Version {
        number,
        parent: number.checked_sub(1).filter(|parent| *parent > 0),
        author: Author::Recorder,
        reason,
        digest: format!("{number:064x}"),
        created_ms: now_ms - minutes * MINUTE,
        promoted_ms: (number == 2).then_some(now_ms - 80 * MINUTE),
        promoted_by: (number == 2).then(|| "ann".to_owned()),
        origins: Vec::new(),
        calls,
        changes,
    };
    let nginx = |minutes: u64| Some((now_ms - minutes * MINUTE, "/usr/sbin/nginx"));
    let first = [
        (0, "read"),
        (1, "write"),
        (2, "open"),
        (3, "close"),
        (4, "stat"),
        (5, "fstat"),
        (8, "lseek"),
        (9, "mmap"),
        (257, "openat"),
        (288, "accept4"),
    ];
    vec![
        version(
            3,
            5,
            11,
            Reason::Ended,
            vec![
                change(
                    Changed::Added,
                    83,
                    "mkdir",
                    Some((now_ms - 5 * MINUTE, "/tmp/ev\u{1b}[31mil")),
                ),
                change(Changed::Removed, 2, "open", None),
                change(Changed::Refused, 250, "keyctl", nginx(5)),
                change(Changed::Values, 41, "socket", None),
            ],
        ),
        version(
            2,
            89,
            11,
            Reason::Quiet,
            vec![
                change(Changed::Added, 41, "socket", nginx(90)),
                change(Changed::Probed, 435, "clone3", nginx(90)),
                change(Changed::Runtime, 157, "prctl", None),
            ],
        ),
        version(
            1,
            120,
            10,
            Reason::Started,
            first
                .into_iter()
                .map(|(nr, name)| change(Changed::Added, nr, name, nginx(120)))
                .collect(),
        ),
    ]
}

/// Whose they are: kind, id and name.
fn known(of: &Of) -> Result<(&'static str, String, &'static str), ErrorBody> {
    match of {
        Of::Container(name) if matches!(name.as_str(), "web" | "3f2a") => {
            Ok(("container", super::data::WEB_ID.to_owned(), "web"))
        }
        Of::Image(name) if name == "reg:5000/shop/nginx:1.27" => Ok((
            "image",
            format!("sha256:{}", "ab".repeat(32)),
            "reg:5000/shop/nginx:1.27",
        )),
        Of::Container(name) if name == "job" => Ok(("container", "7c".repeat(32), "job")),
        Of::Container(name) | Of::Image(name) => super::missing(name),
    }
}

fn one(of: &Of, number: u64, now_ms: u64) -> Result<Version, ErrorBody> {
    let (_, _, name) = known(of)?;
    let found = versions(now_ms)
        .into_iter()
        .find(|version| version.number == number && name != "job");
    found.map_or_else(
        || {
            super::error(
                "not_found",
                &format!("{name} has no version {number}: it has 1 to 3"),
            )
        },
        Ok,
    )
}

pub(crate) fn answer(command: VersionCommand, now_ms: u64) {
    match command {
        VersionCommand::History { of, reply } => {
            drop(reply.send(known(&of).map(|(kind, id, name)| History {
                kind: kind.to_owned(),
                id,
                name: name.to_owned(),
                current: Some(format!("{:064x}", if kind == "image" { 4 } else { 3 })),
                promoted: (name != "job").then_some(2),
                discovery: (name != "job").then(|| Discovery {
                    first_ms: now_ms - 300 * 60_000,
                    last_new_ms: now_ms - 80 * 60_000,
                    calls: 3,
                    undated: 1,
                    stable: false,
                    steps: vec![Step {
                        within_ms: 1000,
                        calls: 2,
                    }],
                }),
                versions: if name == "job" {
                    Vec::new()
                } else {
                    versions(now_ms)
                },
            })));
        }
        VersionCommand::Export {
            of, number, reply, ..
        } => drop(
            reply.send(one(&of, number, now_ms).map(|version| VersionExport {
                export: match number {
                    2 => super::data::export_job(),
                    number => super::data::export_web(number == 1),
                },
                version,
            })),
        ),
        VersionCommand::Promote {
            of,
            number,
            by,
            reply,
        } => {
            drop(reply.send(one(&of, number, now_ms).map(|version| Version {
                promoted_ms: version.promoted_ms.or(Some(now_ms)),
                promoted_by: version.promoted_by.or(by),
                ..version
            })));
        }
    }
}
