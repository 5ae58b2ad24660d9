//! Hostile input: whatever a file holds, `profilectl` ends soon, says what is wrong and where, and
//! takes little memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

mod waited;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use waited::{Waited, run};

/// As long as one run may take, unoptimised and beside other tests. The slowest here take 3 s on an
/// idle machine.
const PATIENCE: Duration = Duration::from_secs(25);

/// As much memory as one run may take, in KiB. The greatest here take 160 MiB.
const MOST_KIB: i64 = 400 * 1024;

/// Bytes of a text that is far too long.
const LONG: usize = 10 << 20;

/// A dialect, the beginning of the names of its golden inputs, and a line that is valid in it.
const DIALECTS: [(&str, &str, &[u8]); 8] = [
    ("docker", "", b"{\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n"),
    ("oci", "", b"{\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n"),
    ("lxc", "lxc", b"2\n"),
    ("systemd", "systemd", b"SystemCallFilter=@known\n"),
    ("mkseccomp", "mkseccomp", b"read\n"),
    ("strace", "strace", b"openat(AT_FDCWD, \"x\") = 3\n"),
    ("cbpf", "", b"\x06\0\0\0\0\0\xff\x7f"),
    ("cbpf-text", "cbpf", b"6 0 0 0,\n"),
];

struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.0.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.display().to_string()
    }
}

/// Runs `profilectl` and holds its end against what holds for all: in time, within memory, no panic,
/// and either done or refused in words.
fn held(words: &[&str]) -> Waited {
    let ended = run(words, PATIENCE);
    let status = ended
        .status
        .unwrap_or_else(|| panic!("{words:?} came to no end of its own\n{ended}"));
    assert!([0, 1, 2].contains(&status), "{words:?}\n{ended}");
    assert!(!ended.stderr.contains("panicked"), "{words:?}\n{ended}");
    assert!(status != 2 || !ended.stderr.is_empty(), "{words:?}");
    assert!(
        ended.most_kib < MOST_KIB,
        "{words:?} took {} KiB",
        ended.most_kib
    );
    ended
}

/// Reads a file in a dialect, and prints it in one that it can be printed in.
fn convert(dialect: &str, file: &str) -> Waited {
    let to = if dialect.starts_with("cbpf") {
        "cbpf"
    } else {
        "docker"
    };
    let ended = held(&["convert", "--from", dialect, "--to", to, file]);
    if ended.status == Some(2) {
        assert!(ended.stderr.contains(file), "{dialect}\n{ended}");
    }
    ended
}

/// Status 2, and the place.
fn refused_at(ended: &Waited, file: &str, place: &str) {
    assert_eq!(ended.status, Some(2), "{ended}");
    let place = format!("{file}:{place}: error: ");
    assert!(ended.stderr.contains(&place), "no {place:?} in\n{ended}");
}

#[test]
fn what_is_too_long_is_refused_where_it_is_too_long() {
    let ground = Ground::new();
    for (dialect, _, line) in DIALECTS {
        let one_line = ground.file("line", &b"x".repeat(LONG));
        let ended = convert(dialect, &one_line);
        match dialect {
            "cbpf" => assert!(ended.stderr.contains("more than the 4096"), "{ended}"),
            "strace" => refused_at(&ended, &one_line, "1:1"),
            _ => refused_at(&ended, &one_line, "1:1048577"),
        }
        let valid = ground.file("valid", &line.repeat(LONG / line.len()));
        let ended = convert(dialect, &valid);
        // What strace wrote has no bound but that of every file.
        let expected = if dialect == "strace" { 0 } else { 2 };
        assert_eq!(ended.status, Some(expected), "{dialect}\n{ended}");
        let blank = ground.file("blank", &b"\n".repeat(LONG));
        assert_eq!(convert(dialect, &blank).status, Some(2), "{dialect}");
    }
}

#[test]
fn nested_json_is_refused_where_it_is_too_deep() {
    let ground = Ground::new();
    for (text, place) in [
        ("[", "1:65"),
        ("{\"syscalls\":", "1:769"),
        ("{\"a\":[", "1:193"),
    ] {
        let file = ground.file("nested", &text.as_bytes().repeat(LONG / text.len()));
        for dialect in ["docker", "oci"] {
            refused_at(&convert(dialect, &file), &file, place);
        }
        refused_at(&held(&["eval", &file, "read"]), &file, place);
        refused_at(&held(&["diff", &file, "docker-default"]), &file, place);
    }
}

#[test]
fn what_is_no_text_is_refused_at_the_byte() {
    let ground = Ground::new();
    for (dialect, _, line) in DIALECTS {
        for (name, bytes) in [("nul", b"\0"), ("no-utf-8", b"\xff")] {
            let few = ground.file(name, &[b"\n\n ", &bytes[..], b"\n", line].concat());
            let ended = convert(dialect, &few);
            if dialect == "cbpf" {
                assert_eq!(ended.status, Some(2), "{ended}");
            } else {
                refused_at(&ended, &few, "3:2");
            }
            let many = ground.file(name, &bytes.repeat(LONG));
            assert_eq!(convert(dialect, &many).status, Some(2), "{dialect}");
            assert_eq!(held(&["eval", &many, "read"]).status, Some(2), "{dialect}");
        }
    }
}

#[test]
fn numbers_without_end_are_refused_where_they_stand() {
    let ground = Ground::new();
    let digits = format!("1{}", "0".repeat(400));
    for number in ["4294967296000", "18446744073709551616", "-1", &digits] {
        let refused = |dialect: &str, place: &str, text: String| {
            let file = ground.file(dialect, text.as_bytes());
            refused_at(&convert(dialect, &file), &file, place);
        };
        let rule = |field: &str| {
            format!(
                "{{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [\n{{\"names\": [\"read\"], \
                 \"action\": \"SCMP_ACT_KILL\", {field}}}]}}"
            )
        };
        if number != "4294967296000" {
            let argument = format!(
                "\"args\": [{{\"index\": {number}, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}}]"
            );
            refused("docker", "2:67", rule(&argument));
            refused("oci", "2:67", rule(&argument));
        }
        refused(
            "lxc",
            "3:12",
            format!("2\nallowlist\nread errno {number}\n"),
        );
        refused("cbpf-text", "1:3", format!("1,6 0 0 {number}"));
        let unit = format!("SystemCallFilter=~read:{number}\n");
        let file = ground.file("systemd", unit.as_bytes());
        let ended = convert("systemd", &file);
        let place = format!("{file}:1:24: warning: systemd knows no errno");
        assert!(ended.stderr.contains(&place), "{ended}");
    }
}

#[test]
fn what_is_no_file_of_bytes_is_refused() {
    let ground = Ground::new();
    let folder = ground.0.path().display().to_string();
    for (dialect, _, _) in DIALECTS {
        let ended = convert(dialect, &folder);
        assert_eq!(ended.status, Some(2), "{ended}");
        assert!(ended.stderr.contains("Is a directory"), "{ended}");
        let ended = convert(dialect, "/dev/zero");
        assert_eq!(ended.status, Some(2), "{ended}");
        assert!(ended.stderr.contains("larger than 64 MiB"), "{ended}");
        let empty = ground.file("empty", b"");
        let ended = convert(dialect, &empty);
        // No setting in a unit is a unit without a filter, and no name in a list is an empty list.
        let valid = ["systemd", "mkseccomp"].contains(&dialect);
        assert_eq!(ended.status, Some(if valid { 0 } else { 2 }), "{ended}");
        assert!(ended.stderr.contains(&empty), "{ended}");
    }
    let ended = held(&["eval", "/dev/zero", "read"]);
    assert_eq!(ended.status, Some(2), "{ended}");
}

#[test]
fn words_that_nobody_knows_take_no_time() {
    let ground = Ground::new();
    let words = |before: &str, each: &dyn Fn(u32) -> String, between: &str| {
        let list: Vec<String> = (0..80_000).map(each).collect();
        format!("{before}{}", list.join(between))
    };
    let plain = |number: u32| format!("opena{number}");
    for (dialect, text) in [
        ("lxc", words("2\nallowlist\n", &plain, "\n")),
        ("systemd", words("SystemCallFilter=", &plain, " ")),
        (
            "systemd",
            words("SystemCallFilter=", &|_| "@known".into(), " "),
        ),
        ("mkseccomp", words("", &plain, "\n")),
        (
            "strace",
            words("", &|number| format!("opena{number}(1) = 0"), "\n"),
        ),
        (
            "docker",
            words(
                "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"action\": \"SCMP_ACT_LOG\", \"names\": [\"a\",",
                &|number| format!("\"opena{number}\""),
                ",",
            ) + "]}]}",
        ),
    ] {
        let file = ground.file(dialect, text.as_bytes());
        let ended = convert(dialect, &file);
        assert!(ended.stderr.len() < 500_000, "{} bytes", ended.stderr.len());
        held(&["eval", &file, "read"]);
    }
}

#[test]
fn rules_without_end_are_undecided_in_bounded_time() {
    let ground = Ground::new();
    let lines: Vec<String> = (0..30_000u32)
        .map(|at| format!("read allow [{},{},SCMP_CMP_GT]", at % 6, at * 7919 % 65536))
        .collect();
    let file = ground.file(
        "rules",
        format!("2\ndenylist\n{}", lines.join("\n")).as_bytes(),
    );
    held(&["eval", &file, "read"]);
    held(&["diff", &file, "docker-default"]);
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn what_is_cut_off_anywhere_ends_well() {
    let ground = Ground::new();
    let mut tried = 0;
    let mut cuts = |dialect: &str, text: &[u8]| {
        for part in [1, 3, 5, 7] {
            let file = ground.file("cut", text.get(..text.len() * part / 8).unwrap());
            convert(dialect, &file);
            held(&["eval", &file, "read"]);
            tried += 1;
        }
    };
    for entry in fs::read_dir(golden().join("dialects")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let dialect = DIALECTS
            .iter()
            .find(|(_, begins, _)| !begins.is_empty() && name.starts_with(begins));
        if let (true, Some((dialect, _, _))) = (name.ends_with(".in"), dialect) {
            cuts(dialect, &fs::read(path).unwrap());
        }
    }
    let profile = fs::read(golden().join("exported-profile.json")).unwrap();
    for dialect in ["docker", "oci"] {
        cuts(dialect, &profile);
    }
    assert!(tried > 80, "{tried} cuts");
}
