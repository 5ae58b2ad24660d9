//! `cargo xtask fuzz`: builds the fuzz targets with the stable toolchain and runs them for a while.
//!
//! What `cargo fuzz` adds to a build are flags for LLVM that stable takes too; only the sanitizers
//! need nightly, and the code that is fuzzed has no `unsafe` for them to watch. The targets are those
//! of `fuzz/`, where `cargo +nightly fuzz run` finds them as well.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{debian, program, workspace};

/// Coverage as `cargo fuzz` asks for it, but for the tracing of comparisons: it takes two thirds of
/// the time, and dictionaries and seeds have the words that it would find.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-stack-depth";

/// Bounds on one input: seconds, MiB of memory, bytes; and inputs may be of any length from the
/// beginning, for the seeds are.
const BOUNDS: [&str; 4] = [
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-max_len=8192",
    "-len_control=0",
];

/// Lines of a target's output that are shown when it fails.
const SHOWN: usize = 40;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these targets of fuzz/fuzz_targets, without `.rs`.
    targets: Vec<String>,
    /// Seconds that each target runs.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Where things are.
struct Places {
    root: PathBuf,
    /// What is built, the growing corpora and what crashed.
    products: PathBuf,
    /// The targets' programs.
    programs: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let root = workspace::root()?;
    let all = targets(&root)?;
    if let Some(unknown) = options.targets.iter().find(|one| !all.contains(one)) {
        bail!("there is no target {unknown}; there are {}", all.join(", "));
    }
    let chosen = if options.targets.is_empty() {
        all
    } else {
        options.targets.clone()
    };
    let products = workspace::target()?.join("fuzz");
    let host = host()?;
    let places = Places {
        programs: products.join(&host).join("release"),
        products,
        root,
    };
    let began = Instant::now();
    build(&places, &host, &chosen)?;
    println!("built in {} s", began.elapsed().as_secs());
    let failed = run_all(&places, &chosen, options.seconds)?;
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "an input breaks {}; it lies in {}",
        failed.join(", "),
        places.products.join("crashes").display()
    )
}

/// The targets, by name.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let mut names: Vec<String> = files(&folder)?
        .iter()
        .filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("can't list {}", folder.display()))?;
    for entry in entries {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// The machine's own target triple: naming it keeps the flags away from build scripts.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = program::output(Command::new(rustc).arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host")
}

fn build(places: &Places, host: &str, targets: &[String]) -> Result<()> {
    // The fuzzer itself is C++, in the crate libfuzzer-sys.
    if program::found("c++").is_none() {
        debian::install(&["g++"])?;
    }
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(&places.root)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", FLAGS)
        .args([
            "build",
            "--locked",
            "--quiet",
            "--release",
            "--target",
            host,
        ])
        .args(["--manifest-path", "fuzz/Cargo.toml", "--target-dir"])
        .arg(&places.products);
    for target in targets {
        command.args(["--bin", target]);
    }
    program::run(&mut command)
}

/// Runs the targets, as many at a time as there are processors; returns those that failed.
fn run_all(places: &Places, targets: &[String], seconds: u32) -> Result<Vec<String>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = Vec::new();
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !run_one(places, target, seconds)? {
                failed.push(target.clone());
            }
        }
        anyhow::Ok(failed)
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut failed = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(of_worker) => failed.extend(of_worker?),
                Err(_) => bail!("a thread that ran fuzz targets panicked"),
            }
        }
        anyhow::Ok(failed)
    })
}

/// Runs one target and says how far it came; false if an input broke it.
fn run_one(places: &Places, target: &str, seconds: u32) -> Result<bool> {
    let corpus = places.products.join("corpus").join(target);
    let crashes = places.products.join("crashes");
    workspace::folder(&corpus)?;
    workspace::folder(&crashes)?;
    let mut command = Command::new(places.programs.join(target));
    command
        .current_dir(&places.root)
        .stdin(Stdio::null())
        .arg(&corpus)
        .args(BOUNDS)
        .arg(format!("-max_total_time={seconds}"))
        .args(["-print_final_stats=1", "-verbosity=1"])
        .arg(named(
            "-artifact_prefix=",
            &crashes.join(format!("{target}-")),
        ));
    let seeds = seeds(&places.root, target)?;
    if !seeds.is_empty() {
        command.arg(format!("-seed_inputs={}", seeds.join(",")));
    }
    let dictionary = places
        .root
        .join(format!("fuzz/dictionaries/{}.dict", words(target)));
    if dictionary.is_file() {
        command.arg(named("-dict=", &dictionary));
    }
    let output = command
        .output()
        .with_context(|| format!("can't run the fuzz target {target}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("{}", summary(target, seeds.len(), &said));
    } else {
        let lines: Vec<&str> = said.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(SHOWN)..)
            .unwrap_or_default();
        println!("{target}: {}\n{}", output.status, tail.join("\n"));
    }
    Ok(output.status.success())
}

fn named(flag: &str, path: &Path) -> OsString {
    let mut word = OsString::from(flag);
    word.push(path);
    word
}

/// Inputs to begin with: the golden ones of the readers' tests, and those kept for the target alone.
fn seeds(root: &Path, target: &str) -> Result<Vec<String>> {
    let golden = Path::new("profiler-daemon/tests/golden");
    let begins = match target {
        "lxc" | "systemd" | "mkseccomp" | "strace" => Some(target),
        "cbpf_text" => Some("cbpf"),
        "recognise" => Some(""),
        _ => None,
    };
    let mut seeds = Vec::new();
    if let Some(begins) = begins {
        let folder = root.join(golden).join("dialects");
        seeds.extend(files(&folder)?.into_iter().filter(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(begins) && name.ends_with(".in")
        }));
    }
    if ["docker", "oci", "recognise", "meanings"].contains(&target) {
        seeds.push(root.join(golden).join("exported-profile.json"));
    }
    let own = root.join("fuzz/seeds").join(target);
    if own.is_dir() {
        seeds.extend(files(&own)?);
    }
    Ok(seeds
        .iter()
        .map(|seed| seed.display().to_string())
        .collect())
}

/// Whose words a target's inputs are made of.
fn words(target: &str) -> &str {
    match target {
        "docker" | "oci" | "meanings" => "json",
        other => other,
    }
}

/// `lxc: 5 seeds, 1220 inputs, 135 a second, coverage 6664 to 6995, 31 MiB`
fn summary(target: &str, seeds: usize, said: &str) -> String {
    let stat = |name: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(&format!("stat::{name}:")))
            .map_or("?", str::trim)
    };
    let coverage = |when: &str| {
        said.lines()
            .rev()
            .filter(|line| line.contains(when))
            .find_map(|line| line.split("cov: ").nth(1)?.split(' ').next())
            .unwrap_or("?")
    };
    format!(
        "{target}: {seeds} seeds, {} inputs, {} a second, coverage {} to {}, {} MiB",
        stat("number_of_executed_units"),
        stat("average_exec_per_sec"),
        coverage("INITED"),
        coverage("DONE"),
        stat("peak_rss_mb"),
    )
}

#[cfg(test)]
mod tests {
    use super::{seeds, summary, targets, words};
    use crate::workspace;

    #[test]
    fn every_target_is_declared_and_every_seed_and_dictionary_belongs_to_one() {
        let root = workspace::root().unwrap();
        let targets = targets(&root).unwrap();
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        for target in &targets {
            assert!(
                manifest.contains(&format!("name = \"{target}\"\n")),
                "{target}"
            );
            assert!(!seeds(&root, target).unwrap().is_empty(), "{target}");
        }
        for folder in super::files(&root.join("fuzz/seeds")).unwrap() {
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(targets.contains(&name), "{name}");
        }
        for file in super::files(&root.join("fuzz/dictionaries")).unwrap() {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(targets.iter().any(|target| words(target) == name), "{name}");
        }
    }

    #[test]
    fn says_how_far_a_target_came() {
        let said = "#6\tINITED cov: 6664 ft: 8930 corp: 5/582b\n#1220\tDONE   cov: 6995 ft: 1\n\
                    stat::number_of_executed_units: 1220\nstat::average_exec_per_sec:     135\n\
                    stat::peak_rss_mb:              31\n";
        assert_eq!(
            summary("lxc", 5, said),
            "lxc: 5 seeds, 1220 inputs, 135 a second, coverage 6664 to 6995, 31 MiB"
        );
    }
}
