//! One build of the kernel objects: the flags, and the remapped paths that keep the bytes the same anywhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{ARCHITECTURE, linker, rust_src, rustc, tools};
use crate::{program, workspace};

pub(super) const TARGET: &str = "bpfel-unknown-none";

/// An object to build: the binary, its features, and the file it becomes.
struct Plan {
    bin: &'static str,
    features: &'static [&'static str],
    file: &'static str,
}

const PLANS: [Plan; 3] = [
    Plan {
        bin: "profiler",
        features: &[],
        file: "profiler.bpf.o",
    },
    Plan {
        bin: "profiler",
        features: &["classic"],
        file: "profiler-classic.bpf.o",
    },
    Plan {
        bin: "empty",
        features: &[],
        file: "empty.bpf.o",
    },
];

/// A finished object.
pub(super) struct Object {
    pub(super) file: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Everything one build made, and what it was made with.
pub(super) struct Built {
    pub(super) objects: Vec<Object>,
    pub(super) rustc: String,
    pub(super) linker: String,
    /// The flags, with the paths of this machine left out.
    pub(super) flags: Vec<String>,
}

pub(super) fn objects() -> Result<Built> {
    let rustc = program::output(
        Command::new("rustc")
            .arg("-vV")
            .current_dir(workspace::root()?),
    )?;
    let sysroot = PathBuf::from(
        program::output(
            Command::new("rustc")
                .args(["--print", "sysroot"])
                .current_dir(workspace::root()?),
        )?
        .trim(),
    );
    let library = rust_src::library(&sysroot, release(&rustc)?)?;
    let linker = linker::get(&sysroot)?;
    let flags = flags();
    let mut all_flags = flags.clone();
    all_flags.extend(remapped(&library)?);

    let mut objects = Vec::new();
    for plan in &PLANS {
        // Read at once: the next plan may make a binary of the same name.
        let path = compile(plan, &library, &linker.file, &all_flags)?;
        objects.push(Object {
            file: plan.file,
            bytes: workspace::read(&path)?,
        });
    }
    Ok(Built {
        objects,
        rustc,
        linker: linker.version,
        flags,
    })
}

fn flags() -> Vec<String> {
    let architecture = format!("--cfg=bpf_target_arch=\"{ARCHITECTURE}\"");
    [
        // By name, found on the PATH, so that the flags are the same everywhere.
        "-Clinker=bpf-linker",
        "-Clink-arg=--btf",
        "-Ctarget-cpu=v3",
        "-Cdebuginfo=2",
        &architecture,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The paths that debug information would otherwise hold.
fn remapped(library: &Path) -> Result<Vec<String>> {
    let root = workspace::root()?;
    let home = cargo_home()?;
    let mut flags = vec![remap(&root, "/profiler"), remap(&home, "/cargo")];
    // A registry's folder is called after its host, which differs between machines.
    if let Ok(entries) = std::fs::read_dir(home.join("registry/src")) {
        for entry in entries {
            flags.push(remap(&entry?.path(), "/crates"));
        }
    }
    // Cargo names what lies in the workspace by its relative path.
    flags.push(remap(library, "/rust/library"));
    if let Ok(relative) = library.strip_prefix(&root) {
        flags.push(remap(relative, "/rust/library"));
    }
    Ok(flags)
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("CARGO_HOME") {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME")
        .context("neither CARGO_HOME nor HOME is set, so cargo's crates can't be found")?;
    Ok(PathBuf::from(home).join(".cargo"))
}

fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

fn compile(plan: &Plan, library: &Path, linker: &Path, flags: &[String]) -> Result<PathBuf> {
    let root = workspace::root()?;
    let target = tools()?.join("objects");
    let mut path = vec![linker.parent().unwrap_or(linker).to_path_buf()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let mut command = Command::new(workspace::cargo());
    command
        .current_dir(&root)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--release",
            "--package",
            "profiler-ebpf",
        ])
        .args(["--bin", plan.bin, "--target", TARGET, "-Zbuild-std=core"])
        .arg("--features")
        .arg(plan.features.join(","))
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("PATH", std::env::join_paths(path)?)
        // Stable rustc takes -Z options only so; the version is pinned by rust-toolchain.toml.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", library)
        .env_remove("RUSTFLAGS");
    rustc::stand_in(&mut command)?;
    program::run(&mut command).with_context(|| format!("{} can't be built", plan.file))?;
    Ok(target.join(TARGET).join("release").join(plan.bin))
}

fn release(rustc: &str) -> Result<&str> {
    rustc
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .context("`rustc -vV` names no release")
}
