//! Programs that make known calls: compiled when a test asks, and strace's own list of what they call.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::run;

/// Compiles C with gcc; a program that was compiled from the same source and flags is used again.
///
/// `-static` lets it run in any container, `-m32 -static -nostdlib` makes one of i386 without 32-bit libraries.
pub(crate) fn compile_c(source: &str, flags: &[&str]) -> PathBuf {
    let hash = Sha256::digest(format!("{}\0{source}", flags.join("\0")));
    let name: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probes");
    std::fs::create_dir_all(&folder).expect("a folder for probes");
    let program = folder.join(&name);
    if program.is_file() {
        return program;
    }
    let file = folder.join(format!("{name}-{}.c", std::process::id()));
    std::fs::write(&file, source).expect("the source can be written");
    let unfinished = file.with_extension("out");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-o"])
        .arg(&unfinished)
        .arg(&file)
        .args(flags);
    let ended = run(&mut gcc, Duration::from_secs(60));
    assert!(ended.success(), "gcc {}: {ended}", flags.join(" "));
    std::fs::rename(&unfinished, &program).expect("the program can be named");
    program
}

/// The names of the calls that strace sees a command make, its children's too; the execve that starts it among them.
pub(crate) fn strace_names(command: &[&str]) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&file).args(command);
    let ended = run(&mut strace, Duration::from_secs(60));
    assert!(
        ended.status.is_some(),
        "strace {}: {ended}",
        command.join(" ")
    );
    let text = std::fs::read_to_string(&file).expect("strace's output");
    text.lines().filter_map(name_of).collect()
}

/// The call in a line like `123   openat(AT_FDCWD, …` or `123   <... read resumed>`.
fn name_of(line: &str) -> Option<String> {
    let rest = line
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .trim_start();
    let (name, _) = rest.split_once('(')?;
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name.then(|| name.to_owned())
}
