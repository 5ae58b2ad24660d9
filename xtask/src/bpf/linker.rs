//! bpf-linker, built against the LLVM that the toolchain itself carries, so that both speak the same bitcode.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tools;
use crate::{debian, program, workspace};

const VERSION: &str = "0.13.0";
/// bpf-linker's feature for the LLVM of the pinned rustc.
const LLVM: &str = "llvm-22";

/// A bpf-linker that runs.
pub(super) struct Linker {
    pub(super) file: PathBuf,
    pub(super) version: String,
}

/// The cached one, or a fresh build (a minute and a half).
pub(super) fn get(sysroot: &Path) -> Result<Linker> {
    let tools = tools()?;
    let file = tools.join("bpf-linker/bin/bpf-linker");
    if let Some(version) = version(&file) {
        return Ok(Linker { file, version });
    }
    let prefix = llvm_prefix(sysroot, &tools)?;
    if program::found("cc").is_none() {
        debian::install(&["gcc", "libc6-dev"])?;
    }
    eprintln!("xtask: building bpf-linker {VERSION}, once");
    program::run(
        Command::new(workspace::cargo())
            // Away from the checkout: its flags and lock file are not the linker's.
            .current_dir(&tools)
            .args([
                "install",
                "--quiet",
                "--locked",
                "--force",
                "bpf-linker",
                "--version",
                VERSION,
            ])
            .args(["--no-default-features", "--features", LLVM, "--root"])
            .arg(tools.join("bpf-linker"))
            .env("CARGO_TARGET_DIR", tools.join("bpf-linker-build"))
            .env("LLVM_PREFIX", &prefix)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )
    .context("bpf-linker can't be built; it needs crates from cargo's registry and a C linker")?;
    let version = version(&file).with_context(|| {
        format!(
            "{} was built but does not run as bpf-linker {VERSION}",
            file.display()
        )
    })?;
    Ok(Linker { file, version })
}

fn version(file: &Path) -> Option<String> {
    let said = program::output(Command::new(file).arg("--version")).ok()?;
    let version = said.lines().next()?.trim().to_owned();
    version.contains(VERSION).then_some(version)
}

/// A folder laid out as an LLVM installation, whose library is the toolchain's.
fn llvm_prefix(sysroot: &Path, tools: &Path) -> Result<PathBuf> {
    let source = sysroot.join("lib");
    let library = std::fs::read_dir(&source)
        .with_context(|| format!("can't list {}", source.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libLLVM.so.")
        })
        .with_context(|| {
            format!(
                "no libLLVM.so.* in {}: a toolchain from rustup has one, use that",
                source.display()
            )
        })?;
    let prefix = tools.join("llvm");
    let lib = prefix.join("lib");
    workspace::folder(&lib)?;
    let full = library.file_name().unwrap_or_default();
    for name in [Path::new("libLLVM.so"), Path::new(full)] {
        let link = lib.join(name);
        if link.symlink_metadata().is_ok() {
            std::fs::remove_file(&link)?;
        }
        std::os::unix::fs::symlink(&library, &link)
            .with_context(|| format!("can't link {}", link.display()))?;
    }
    Ok(prefix)
}
