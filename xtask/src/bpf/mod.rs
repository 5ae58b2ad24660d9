//! `cargo xtask bpf`: the committed kernel objects, built and proven fresh.

mod build;
mod linker;
mod provenance;
mod rust_src;
pub(crate) mod rustc;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::workspace;
use provenance::Provenance;

/// The architecture whose register layout the objects are built for.
const ARCHITECTURE: &str = "x86_64";

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Build the objects from source into profiler-ebpf/prebuilt.
    Build,
    /// Build again and compare with what is committed, byte by byte.
    Verify {
        /// Only compare the sources with those the objects were built from.
        #[arg(long)]
        quick: bool,
    },
}

pub(crate) fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Build => build_all(),
        Verb::Verify { quick: true } => verify_sources(),
        Verb::Verify { quick: false } => verify_bytes(),
    }
}

fn build_all() -> Result<()> {
    let built = build::objects()?;
    let folder = prebuilt()?;
    workspace::folder(&folder)?;
    for object in &built.objects {
        workspace::write(&folder.join(object.file), &object.bytes)?;
        println!("{:>9} bytes  {}", object.bytes.len(), object.file);
    }
    Provenance::of(&built)?.write(&folder)?;
    println!("in {}", folder.display());
    Ok(())
}

/// Whether the sources are those that the committed objects were built from.
pub(crate) fn verify_sources() -> Result<()> {
    let committed = Provenance::read(&prebuilt()?)?;
    let present = provenance::source_hash()?;
    if committed.sources != present {
        bail!(
            "the kernel programs' sources changed after profiler-ebpf/prebuilt was built \
             (built from {}, now {present}): run `cargo xtask bpf build` and commit the result",
            committed.sources
        );
    }
    committed.check_objects(&prebuilt()?)?;
    println!("profiler-ebpf/prebuilt was built from the present sources");
    Ok(())
}

fn verify_bytes() -> Result<()> {
    let folder = prebuilt()?;
    let built = build::objects()?;
    let mut differing = Vec::new();
    for object in &built.objects {
        let committed = workspace::read(&folder.join(object.file))?;
        let same = committed == object.bytes;
        println!(
            "{}  {}",
            if same { "same     " } else { "DIFFERENT" },
            object.file
        );
        if !same {
            differing.push(object.file);
        }
    }
    let committed = Provenance::read(&folder)?;
    let present = Provenance::of(&built)?;
    if !differing.is_empty() {
        bail!(
            "built anew, {} differ from what is committed in {}{}: \
             run `cargo xtask bpf build` and commit the result",
            differing.join(", "),
            folder.display(),
            committed.difference(&present)
        );
    }
    if committed != present {
        bail!(
            "the objects are the same, but provenance.json is not{}: \
             run `cargo xtask bpf build` and commit the result",
            committed.difference(&present)
        );
    }
    Ok(())
}

fn prebuilt() -> Result<PathBuf> {
    Ok(workspace::root()?
        .join("profiler-ebpf/prebuilt")
        .join(ARCHITECTURE))
}

/// Where the tools that build the objects are kept.
fn tools() -> Result<PathBuf> {
    Ok(workspace::target()?.join("bpf-tools"))
}
