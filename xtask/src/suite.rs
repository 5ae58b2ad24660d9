//! `cargo xtask test`: every test, those on real containers included, and a closing summary.
//!
//! A test file that says `mod testbed;` needs the machine: it runs alone and with one thread, in a testbed that is
//! brought up for it. In CI (`CI=true`) nothing may be skipped.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{bpf, silence, testbed, workspace};

/// The crates that are tested; profiler-ebpf builds for the kernel only.
const PACKAGES: [&str; 3] = ["profiler-common", "profiler-daemon", "xtask"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these test files of profiler-daemon/tests, without `.rs`.
    files: Vec<String>,
    /// Leave the testbed up afterwards.
    #[arg(long)]
    keep: bool,
}

/// A file of integration tests.
struct TestFile {
    name: String,
    needs_machine: bool,
}

/// What became of one cargo test run.
struct Outcome {
    name: String,
    passed: u64,
    failed: u64,
    ignored: u64,
    success: bool,
    took: Duration,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    let files = chosen(&options.files)?;
    let (machine, plain): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.needs_machine);
    let mut outcomes = Vec::new();
    let mut skipped = Vec::new();

    if options.files.is_empty() {
        bpf::verify_sources()?;
        outcomes.push(cargo_test("units", &["--lib", "--bins"], None)?);
        outcomes.push(cargo_test("documentation", &["--doc"], None)?);
    }
    for file in plain {
        outcomes.push(cargo_test(&file.name, &["--test", &file.name], None)?);
    }
    if !machine.is_empty() && rustix::process::geteuid().is_root() {
        let was_up = testbed::is_up()?;
        let ran = on_testbed(&machine, &mut outcomes);
        if !was_up && !options.keep {
            testbed::down()?;
        }
        summarize(&outcomes, &skipped);
        ran?;
    } else {
        skipped.extend(machine.iter().map(|file| file.name.clone()));
        summarize(&outcomes, &skipped);
    }

    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.success)
        .map(|outcome| outcome.name.as_str())
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    let ignored: u64 = outcomes.iter().map(|outcome| outcome.ignored).sum();
    if strict && (!skipped.is_empty() || ignored > 0) {
        bail!(
            "{} test files skipped and {ignored} tests ignored, which CI=true does not allow",
            skipped.len()
        );
    }
    Ok(())
}

fn on_testbed(machine: &[&TestFile], outcomes: &mut Vec<Outcome>) -> Result<()> {
    testbed::up()
        .context("the testbed can't be brought up; `cargo xtask doctor` says what is missing")?;
    let description = testbed::description()?;
    for file in machine {
        // One line a test: of one that hangs, the name is known.
        let words = [
            "--test",
            &file.name,
            "--",
            "--test-threads=1",
            "--format=pretty",
        ];
        // What hangs may be the engine, and then all that is left would hang as well.
        let outcome = cargo_test(&file.name, &words, Some(&description))
            .inspect_err(|_| eprintln!("the engine's last words:\n{}", testbed::last_words()))?;
        outcomes.push(outcome);
    }
    Ok(())
}

fn cargo_test(name: &str, words: &[&str], testbed: Option<&Path>) -> Result<Outcome> {
    eprintln!("xtask: testing {name}");
    let begin = Instant::now();
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(workspace::root()?)
        .args(["test", "--quiet", "--locked", "--no-fail-fast"]);
    if words.contains(&"--test") {
        command.args(["--package", "profiler-daemon"]);
    } else {
        for package in PACKAGES {
            // A binary crate has no documentation tests, and cargo takes asking for them as a mistake.
            if package != "xtask" || !words.contains(&"--doc") {
                command.args(["--package", package]);
            }
        }
    }
    command.args(words);
    command.env_remove(testbed::VARIABLE);
    if let Some(description) = testbed {
        command.env(testbed::VARIABLE, description);
    }
    let mut outcome = Outcome {
        name: name.to_owned(),
        passed: 0,
        failed: 0,
        ignored: 0,
        success: false,
        took: Duration::ZERO,
    };
    outcome.success = silence::run(&mut command, |line| outcome.count(line))
        .with_context(|| format!("testing {name}"))?;
    outcome.took = begin.elapsed();
    Ok(outcome)
}

impl Outcome {
    /// Adds up libtest's `test result:` lines.
    fn count(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let number = |what: &str| -> u64 {
            result
                .split([';', '.'])
                .filter_map(|part| part.trim().strip_suffix(what))
                .find_map(|number| number.trim().parse().ok())
                .unwrap_or(0)
        };
        self.passed += number("passed");
        self.failed += number("failed");
        self.ignored += number("ignored");
    }
}

fn summarize(outcomes: &[Outcome], skipped: &[String]) {
    println!(
        "\n{:<28} {:>6} {:>6} {:>7} {:>7}",
        "tests", "passed", "failed", "ignored", "seconds"
    );
    for outcome in outcomes {
        println!(
            "{:<28} {:>6} {:>6} {:>7} {:>7.0}{}",
            outcome.name,
            outcome.passed,
            outcome.failed,
            outcome.ignored,
            outcome.took.as_secs_f64(),
            if outcome.success { "" } else { "  FAILED" }
        );
    }
    for name in skipped {
        println!("{name:<28} SKIPPED: needs root, run `sudo -E cargo xtask test`");
    }
}

fn chosen(names: &[String]) -> Result<Vec<TestFile>> {
    let all = test_files()?;
    if let Some(unknown) = names
        .iter()
        .find(|name| !all.iter().any(|file| file.name == **name))
    {
        let known: Vec<&str> = all.iter().map(|file| file.name.as_str()).collect();
        bail!(
            "profiler-daemon/tests has no {unknown}.rs; it has: {}",
            known.join(", ")
        );
    }
    Ok(all
        .into_iter()
        .filter(|file| names.is_empty() || names.contains(&file.name))
        .collect())
}

fn test_files() -> Result<Vec<TestFile>> {
    let folder = workspace::root()?.join("profiler-daemon/tests");
    let mut files = Vec::new();
    for entry in
        std::fs::read_dir(&folder).with_context(|| format!("can't list {}", folder.display()))?
    {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = String::from_utf8(workspace::read(&path)?)
            .with_context(|| format!("{} is not UTF-8", path.display()))?;
        files.push(TestFile {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            needs_machine: text.lines().any(|line| line.trim() == "mod testbed;"),
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_result_lines() {
        let mut outcome = Outcome {
            name: String::new(),
            passed: 1,
            failed: 0,
            ignored: 0,
            success: true,
            took: Duration::ZERO,
        };
        outcome.count("test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        outcome.count("test something ... ok");
        assert_eq!(
            (outcome.passed, outcome.failed, outcome.ignored),
            (13, 1, 2)
        );
    }
}
