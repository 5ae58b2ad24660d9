//! What the fake daemon knows. All times lie a fixed distance before `now`.

use std::collections::BTreeMap;

use profiler_daemon::{
    api::protocol::{
        Detail, Event, Explanation, Export, Health, InstalledFilter, Loss, Reason, Status, Summary,
        versions::{RecordsStatus, StoreStatus},
    },
    profile::{
        abi::Abi,
        call::Call,
        completeness::{Completeness, Shortfall},
        identity::{Engine, Identity, Image, Runtime},
        observation::{Refusal, RefusedWith, Sighting, Tally},
        origin::Origin,
        table,
    },
};
use serde_json::json;

const MINUTE: u64 = 60_000;
pub(super) const WEB_ID: &str = "3f2a6c0d9e8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a29";

pub(super) fn identity(id: &str, name: &str, reference: &str) -> Identity {
    Identity {
        name: Some(name.to_owned()),
        image: Some(Image {
            reference: reference.to_owned(),
            id: format!("sha256:{}", "ab12".repeat(16)),
        }),
        runtime: Some(Runtime {
            name: "runc".to_owned(),
            version: Some("1.1.5".to_owned()),
            libseccomp: Some("2.5.4".to_owned()),
        }),
        no_new_privileges: Some(false),
        unconfined: Some(false),
        ..Identity::unnamed(id.to_owned(), Engine::Docker)
    }
}

fn incomplete() -> Completeness {
    let shortfall = |code: &str, text: &str| Shortfall {
        code: code.to_owned(),
        text: text.to_owned(),
    };
    Completeness {
        complete: false,
        shortfalls: vec![
            shortfall(
                "stop_not_seen",
                "It still runs, so what it calls when it stops was not seen: stop it once with `docker stop`.",
            ),
            shortfall(
                "calls_refused",
                "The active filter refused 1 call: look at them with `profilectl show`, and decide.",
            ),
        ],
        quiet_s: Some(180),
        lost_calls: 0,
    }
}

fn summary_web(now: u64) -> Summary {
    let mut identity = identity(WEB_ID, "web", "nginx:1.27");
    identity.pid = Some(4711);
    identity.created_ms = Some(now - 90 * MINUTE);
    identity.labels = BTreeMap::from([("team".to_owned(), "shop\x1b]0;owned\x07".to_owned())]);
    Summary {
        identity,
        observed: 3,
        refused: 1,
        completeness: incomplete(),
        last_new_ms: Some(now - 3 * MINUTE),
    }
}

fn summary_job(now: u64) -> Summary {
    let mut identity = identity(&"7c".repeat(32), "job", "busybox:latest");
    identity.running = false;
    Summary {
        identity,
        observed: 12,
        refused: 0,
        completeness: Completeness {
            complete: true,
            quiet_s: Some(7200),
            ..Completeness::default()
        },
        last_new_ms: Some(now - 120 * MINUTE),
    }
}

pub(crate) fn list(now: u64) -> Vec<Summary> {
    let evil = Summary {
        identity: Identity {
            name: None,
            image: Some(Image {
                reference:
                    "evil\x1b[2J\u{202e}gpj.registry.example.com:5000/a-rather-long/image-name"
                        .to_owned(),
                id: String::new(),
            }),
            ..Identity::unnamed("3b00".repeat(16), Engine::Podman)
        },
        observed: 0,
        refused: 0,
        completeness: Completeness {
            shortfalls: vec![Shortfall {
                code: "start_not_seen".to_owned(),
                text: "It ran before the recording began: restart it.".to_owned(),
            }],
            ..Completeness::default()
        },
        last_new_ms: None,
    };
    vec![evil, summary_job(now), summary_web(now)]
}

pub(super) fn call(nr: u32, name: &str) -> Explanation {
    Explanation {
        abi: "x86_64".to_owned(),
        nr,
        name: name.to_owned(),
        observed: true,
        verdict: "allow".to_owned(),
        reasons: vec![Reason::Observed],
        first: None,
        refusals: Vec::new(),
        tally: None,
        arguments: None,
        coverage: None,
        origins: Vec::new(),
    }
}

fn sighting(now: u64, exe: Option<&str>) -> Sighting {
    Sighting {
        at_ms: now - 89 * MINUTE,
        exe: exe.map(str::to_owned),
        comm: "nginx\x1b[31m".to_owned(),
        pid: 4711,
        session: 1,
    }
}

fn refusals(now: u64) -> Vec<Refusal> {
    let keyctl = Refusal {
        call: Call::new(Abi::X86_64, 250),
        with: RefusedWith::Errno(1),
        by_runtime: false,
        count: 3,
        first_ms: now - 80 * MINUTE,
        last_ms: now - 5 * MINUTE,
        exe: Some("/usr/bin/keyctl".to_owned()),
        comm: "keyctl".to_owned(),
        pid: 4802,
    };
    let clone3 = Refusal {
        call: Call::new(Abi::X86_64, 435),
        with: RefusedWith::Errno(38),
        count: 1,
        last_ms: now - 80 * MINUTE,
        exe: None,
        comm: "sh\x1b[8m".to_owned(),
        ..keyctl.clone()
    };
    vec![keyctl, clone3]
}

pub(crate) fn web(now: u64) -> Detail {
    let refused = refusals(now);
    let mut openat = call(257, "openat");
    openat.first = Some(sighting(now, Some("/usr/sbin/nginx")));
    openat.origins = vec![Origin::Start, Origin::Exec];
    openat.tally = Some(Tally {
        calls: 1200,
        errors: 1,
    });
    let mut keyctl = call(250, "keyctl");
    keyctl.observed = false;
    "refuse".clone_into(&mut keyctl.verdict);
    keyctl.reasons.clear();
    keyctl.refusals = refused[..1].to_vec();
    let mut clone3 = call(435, "clone3");
    clone3.observed = false;
    "errno 38".clone_into(&mut clone3.verdict);
    clone3.reasons = vec![Reason::KeptEnosys];
    clone3.refusals = refused[1..].to_vec();
    let mut prctl = call(157, "prctl");
    prctl.observed = false;
    prctl.reasons = vec![Reason::RuntimeSeen];
    let mut old_open = call(5, "open");
    "i386".clone_into(&mut old_open.abi);
    old_open.origins = vec![Origin::Exec];
    Detail {
        summary: summary_web(now),
        start_seen: true,
        stop_seen: false,
        sessions: 2,
        calls: vec![
            call(288, "accept4"),
            clone3,
            keyctl,
            openat,
            prctl,
            old_open,
        ],
        refusals: refused,
        filters: vec!["00c0ffee00c0ffee".to_owned()],
        cgroup: Some(format!("/system.slice/docker-{WEB_ID}.scope")),
    }
}

pub(crate) fn job(now: u64) -> Detail {
    let names = [
        "access",
        "arch_prctl",
        "brk",
        "close",
        "execve",
        "exit_group",
        "fstat",
        "getrandom",
        "mmap",
        "mprotect",
        "munmap",
        "newfstatat",
        "openat",
        "pread64",
        "prlimit64",
        "read",
        "rseq",
        "set_robust_list",
        "set_tid_address",
        "uname",
        "write",
    ];
    Detail {
        summary: summary_job(now),
        start_seen: true,
        stop_seen: true,
        sessions: 1,
        calls: names
            .into_iter()
            .map(|name| call(table::number(Abi::X86_64, name).unwrap(), name))
            .collect(),
        refusals: Vec::new(),
        filters: filters_job()
            .into_iter()
            .map(|filter| filter.hash)
            .collect(),
        cgroup: None,
    }
}

fn profile(names: &[&str]) -> serde_json::Value {
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [
            {"names": names, "action": "SCMP_ACT_ALLOW", "comment": "observed"},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "comment": "kept"}
        ]
    })
}

pub(crate) fn export_web(include_refused: bool) -> Export {
    let names: &[&str] = if include_refused {
        &["accept4", "keyctl", "openat", "prctl"]
    } else {
        &["accept4", "openat", "prctl"]
    };
    Export {
        profile: profile(names),
        completeness: incomplete(),
        allowed: names.len() as u64,
        observed: 2,
        baseline: 1,
        refused_left_out: u64::from(!include_refused),
        narrowed: 0,
        left_out_by_origin: Vec::new(),
        unknown_origin: 0,
        containers: vec!["web".to_owned()],
        imported: 0,
        coverage: None,
    }
}

/// The same without what only an exec session called.
pub(crate) fn export_web_own() -> Export {
    Export {
        left_out_by_origin: vec!["open".to_owned(), "ptrace".to_owned()],
        unknown_origin: 1,
        ..export_web(false)
    }
}

pub(crate) fn export_job() -> Export {
    Export {
        profile: profile(&["exit_group", "write"]),
        completeness: Completeness {
            complete: true,
            quiet_s: Some(7200),
            ..Completeness::default()
        },
        allowed: 2,
        observed: 1,
        baseline: 1,
        refused_left_out: 0,
        narrowed: 0,
        left_out_by_origin: Vec::new(),
        unknown_origin: 0,
        containers: vec!["job".to_owned()],
        imported: 0,
        coverage: None,
    }
}

pub(crate) fn status(now: u64, health: Health) -> Status {
    let loss = |cause: &str, count, loses_calls, meaning: &str| Loss {
        cause: cause.to_owned(),
        count,
        loses_calls,
        meaning: meaning.to_owned(),
    };
    let bad = u64::from(health != Health::Healthy);
    Status {
        version: "0.1.0".to_owned(),
        health,
        reasons: match health {
            Health::Healthy => Vec::new(),
            _ => vec![
                "2 cgroups found no free slot, so their calls were not recorded: raise the limit with --cgroups and restart profilerd."
                    .to_owned(),
            ],
        },
        hooks: "btf".to_owned(),
        recording_since_ms: now - 300 * MINUTE,
        started_ms: now - 3 * MINUTE,
        counting: false,
        arguments: false,
        cgroups: 17,
        cgroups_limit: 4096,
        containers: 3,
        running: 2,
        docker: "connected, unix:///var/run/docker.sock".to_owned(),
        losses: vec![
            loss("ring_full", 9 * bad, false, "the ring was full: the first sighting's time and caller are unknown"),
            loss("no_slot", 2 * bad, true, "no slot was free for a cgroup"),
        ],
        memory_bytes: 19_293_798,
        store: Some(StoreStatus {
            path: "/var/lib/profiler/profiler.db".to_owned(),
            bytes: 3_407_872,
            versions: 41,
            shut: None,
        }),
        records: Some(RecordsStatus {
            ended: 212,
            imported: 3,
            imported_bytes: 629_146,
            most: 1000,
            most_age_ms: 365 * 24 * 60 * 60 * 1000,
            most_imported_bytes: 256 << 20,
        }),
    }
}

pub(crate) fn call_event(now: u64, name: &str, call: &str) -> Event {
    let refused = (call == "keyctl").then_some(RefusedWith::Errno(1));
    Event::Call {
        id: if name == "web" {
            WEB_ID.to_owned()
        } else {
            "7c".repeat(32)
        },
        name: name.to_owned(),
        abi: "x86_64".to_owned(),
        call: call.to_owned(),
        refused,
        count: u64::from(refused.is_some()),
        first: sighting(now, Some("/usr/sbin/nginx")),
    }
}

/// The filters of `web`: one that refuses mkdir, and one of which no copy was kept.
pub(super) fn filters_web() -> Vec<InstalledFilter> {
    vec![
        InstalledFilter {
            hash: "00000000000000bb".to_owned(),
            instructions: None,
        },
        answering(0xaa, 83, 0x0005_0001),
    ]
}

/// The filters of `job`: its own that refuses mkdir, and a newer one of a program's that kills for
/// keyctl.
pub(super) fn filters_job() -> Vec<InstalledFilter> {
    vec![
        answering(0xaa, 83, 0x0005_0001),
        answering(0xcc, 250, 0x8000_0000),
    ]
}

/// A filter for x86_64 that gives one call an answer and allows all others.
fn answering(hash: u64, nr: u32, answer: u32) -> InstalledFilter {
    InstalledFilter {
        hash: format!("{hash:016x}"),
        instructions: Some(vec![
            (0x20, 0, 0, 0),
            (0x15, 0, 1, nr),
            (0x06, 0, 0, answer),
            (0x06, 0, 0, 0x7fff_0000),
        ]),
    }
}
