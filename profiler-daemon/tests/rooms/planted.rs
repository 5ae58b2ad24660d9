//! Shows that the guard catches what it is there for.

use super::{Source, violations};

fn check(path: &str, code: &str) -> Vec<String> {
    let rooms = [
        "kernel/mod.rs",
        "docker/mod.rs",
        "profile/mod.rs",
        "daemon.rs",
    ];
    let mut sources: Vec<Source> = rooms
        .into_iter()
        .chain([
            "store/mod.rs",
            "collector/mod.rs",
            "api/mod.rs",
            "ctl/mod.rs",
        ])
        .map(|path| Source {
            path: path.to_owned(),
            text: "//! A room.".to_owned(),
        })
        .collect();
    sources.push(Source {
        path: path.to_owned(),
        text: format!("//! A module.\n{code}\n"),
    });
    violations(&sources)
}

#[track_caller]
fn caught(path: &str, code: &str, what: &str) {
    let found = check(path, code);
    assert!(
        found.len() == 1 && found[0].contains(what),
        "wanted {what:?}, found {found:?}"
    );
}

#[track_caller]
fn passed(path: &str, code: &str) {
    assert_eq!(check(path, code), Vec::<String>::new());
}

#[test]
fn a_reach_into_another_room_is_caught_however_it_is_written() {
    let what = "docker::watch may not reach `kernel::ring";
    for code in [
        "use crate::kernel::ring;",
        "use crate::{profile::call::Call, kernel::{ring::Ring as R}};",
        "use super::super::kernel::ring;",
        "fn f() { crate::kernel::ring::open(); }",
        "mod deep { use super::super::super::kernel::ring; }",
        "pub(crate) use crate :: kernel :: ring :: *;",
    ] {
        caught("docker/watch.rs", code, what);
    }
}

/// Each of these once kept the guard busy for ever, or could.
#[test]
fn what_is_no_import_is_passed_over() {
    let reach = "fn g() { crate::kernel::ring::open(); }";
    for code in [
        "fn f() -> impl Iterator<Item = &'_ str> + use<'_> { let a = 1; [\"b\"].into_iter() }",
        "fn f() -> impl Sized + use<> { { ; } }",
        "macro_rules! m { () => { use { ; } }; }",
        "fn f() { use { a::{b; } }",
    ] {
        caught(
            "docker/watch.rs",
            &format!("{code}\n{reach}"),
            "docker::watch may not reach `kernel::ring",
        );
    }
    // Cut off anywhere, it comes to an end all the same.
    let whole = "use a::{b as c, d::{self, e::*}, f}; fn g() -> impl H + use<'_> { i; }";
    for end in 0..whole.len() {
        check("docker/watch.rs", &whole[..end]);
    }
}

#[test]
fn what_is_permitted_passes() {
    passed(
        "docker/watch.rs",
        "use crate::{api::protocol::Event, docker::event, profile::{self, call::Call}};\n\
         use super::event; use bollard::Docker;\n\
         mod tests { use super::super::event; use super::*; }",
    );
    passed("api/server.rs", "use crate::collector::command::Command;");
    passed("ctl/record.rs", "use crate::recorder::record;");
    passed("kernel/live.rs", "use crate::recording::source::Source;");
    passed("telemetry.rs", "use crate::config::LogFormat;");
    passed(
        "bin/profilerd.rs",
        "fn main() { profiler_daemon::daemon::run() }",
    );
    passed("daemon/wiring.rs", "use crate::{kernel::a, docker::b};");
    passed("kernel/load.rs", "use aya::Ebpf; fn f() { unsafe { g() } }");
}

#[test]
fn each_narrow_door_is_guarded() {
    for (path, code, what) in [
        ("profile/x.rs", "use crate::store::S;", "may not reach"),
        ("seccomp/x.rs", "use crate::api::protocol;", "may not reach"),
        (
            "api/protocol.rs",
            "use crate::api::server;",
            "may not reach",
        ),
        (
            "api/server.rs",
            "use crate::collector::state;",
            "may not reach",
        ),
        (
            "api/client.rs",
            "use crate::collector::command;",
            "may not reach",
        ),
        ("ctl/show.rs", "use crate::api::server;", "may not reach"),
        ("ctl/show.rs", "use crate::kernel::K;", "may not reach"),
        ("collector/x.rs", "use crate::store::S;", "may not reach"),
        ("store/x.rs", "use crate::daemon::D;", "may not reach"),
        ("recording/x.rs", "use crate::kernel::K;", "may not reach"),
        ("kernel/x.rs", "use crate::collector::C;", "may not reach"),
        (
            "recorder/x.rs",
            "use crate::collector::Collector;",
            "may not reach",
        ),
        ("telemetry.rs", "use crate::daemon::D;", "may not reach"),
        (
            "bin/a.rs",
            "use profiler_daemon::kernel::K;",
            "may not reach",
        ),
        ("attic/x.rs", "", "has no row"),
    ] {
        caught(path, code, what);
    }
}

#[test]
fn crates_and_unsafe_code_stay_where_they_belong() {
    caught("store/x.rs", "use aya::Ebpf;", "`aya` is for kernel only");
    caught(
        "store/x.rs",
        "type B = aya_obj::Btf;",
        "`aya_obj` is for kernel only",
    );
    caught(
        "cgroup/x.rs",
        "use bollard;",
        "`bollard` is for docker only",
    );
    caught("store/x.rs", "fn f() { unsafe { g() } }", "`unsafe`");
    passed(
        "store/x.rs",
        "// unsafe\nconst A: &str = \"unsafe aya::x\"; #![allow(unsafe_code)]",
    );
    passed(
        "store/x.rs",
        "const A: &str = r#\"a \" unsafe\"#; /* unsafe /* */ unsafe */",
    );
    passed(
        "store/x.rs",
        "fn f<'a>(c: &'a char) -> bool { *c == '\"' || *c == '\\'' }",
    );
}

#[test]
fn pure_rooms_do_nothing_but_their_tests_may() {
    caught("profile/x.rs", "use std::{fs, io};", "is pure");
    caught(
        "profile/x.rs",
        "fn f() { std::time::SystemTime::now(); }",
        "is pure",
    );
    caught("seccomp/x.rs", "use tokio::sync::mpsc;", "is pure");
    caught("recording/x.rs", "use std::fs;", "is pure");
    caught("api/protocol.rs", "use std::net::IpAddr;", "is pure");
    passed(
        "profile/x.rs",
        "use std::{collections::BTreeMap, fmt, time::Duration};",
    );
    passed("profile/x.rs", "#[cfg(test)]\nmod tests { use std::fs; }");
    caught(
        "profile/x.rs",
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse std::fs;",
        "is pure",
    );
}

#[test]
fn files_have_a_head_a_name_and_a_size() {
    caught("store/utils.rs", "", "says nothing");
    caught("store/x.rs", "mod helpers { }", "says nothing");
    caught("store/x.rs", &"\n".repeat(510), "lines");
    let bare = Source {
        path: "store/x.rs".to_owned(),
        text: "use std::fs;".to_owned(),
    };
    assert!(violations(&[bare])[0].contains("does not begin"));
}
