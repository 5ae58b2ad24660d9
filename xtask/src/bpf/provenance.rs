//! What the committed objects were built from and with: `provenance.json` next to them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::build::Built;
use crate::workspace;

const FILE: &str = "provenance.json";
const SOURCES: [&str; 4] = [
    "profiler-ebpf/Cargo.toml",
    "profiler-ebpf/src",
    "profiler-common/Cargo.toml",
    "profiler-common/src",
];

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Provenance {
    /// sha256 of each object.
    objects: BTreeMap<String, String>,
    /// sha256 over the sources and the locked versions of aya's crates.
    pub(super) sources: String,
    rustc: Vec<String>,
    linker: String,
    flags: Vec<String>,
}

impl Provenance {
    pub(super) fn of(built: &Built) -> Result<Self> {
        Ok(Self {
            objects: built
                .objects
                .iter()
                .map(|object| (object.file.to_owned(), hex(&Sha256::digest(&object.bytes))))
                .collect(),
            sources: source_hash()?,
            rustc: built.rustc.lines().map(str::to_owned).collect(),
            linker: built.linker.clone(),
            flags: built.flags.clone(),
        })
    }

    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let bytes = workspace::read(&path)
            .context("the kernel objects are not built: run `cargo xtask bpf build`")?;
        serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged: run `cargo xtask bpf build`", path.display()))
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        workspace::write(&folder.join(FILE), text)
    }

    /// Whether the files next to the provenance are the ones it speaks of.
    pub(super) fn check_objects(&self, folder: &Path) -> Result<()> {
        for (file, expected) in &self.objects {
            let found = hex(&Sha256::digest(workspace::read(&folder.join(file))?));
            if found != *expected {
                bail!(
                    "{} is not the object that {FILE} speaks of: run `cargo xtask bpf build` and commit both",
                    folder.join(file).display()
                );
            }
        }
        Ok(())
    }

    /// Why two builds may differ, as a clause for an error; empty when their makings are the same.
    pub(super) fn difference(&self, other: &Self) -> String {
        let mut causes = Vec::new();
        if self.sources != other.sources {
            causes.push("the sources changed");
        }
        if self.rustc != other.rustc {
            causes.push("rustc is another");
        }
        if self.linker != other.linker {
            causes.push("bpf-linker is another");
        }
        if self.flags != other.flags {
            causes.push("the flags changed");
        }
        if causes.is_empty() {
            String::new()
        } else {
            format!(" ({})", causes.join(", "))
        }
    }
}

/// One hash over everything that the objects' bytes follow from, save the tools.
pub(super) fn source_hash() -> Result<String> {
    let root = workspace::root()?;
    let mut files = Vec::new();
    for source in SOURCES {
        gather(&root.join(source), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let content = workspace::read(&file)?;
        let name = file.strip_prefix(&root)?.to_string_lossy().into_owned();
        hash.update(format!("{name}\0{}\0", content.len()));
        hash.update(content);
    }
    for (name, version) in locked(&root, "aya-ebpf")? {
        hash.update(format!("{name} {version}\n"));
    }
    Ok(hex(&hash.finalize()))
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in
        std::fs::read_dir(path).with_context(|| format!("can't list {}", path.display()))?
    {
        gather(&entry?.path(), files)?;
    }
    Ok(())
}

/// The locked versions of the crates whose name begins so.
fn locked(root: &Path, prefix: &str) -> Result<Vec<(String, String)>> {
    let lock = String::from_utf8(workspace::read(&root.join("Cargo.lock"))?)?;
    let field = |line: &str, key: &str| {
        line.strip_prefix(key)
            .map(|value| value.trim_matches([' ', '=', '"']).to_owned())
    };
    let mut name = None;
    let mut found = Vec::new();
    for line in lock.lines() {
        if let Some(value) = field(line, "name") {
            name = Some(value);
        } else if let (Some(value), Some(name)) = (field(line, "version"), name.take())
            && name.starts_with(prefix)
        {
            found.push((name, value));
        }
    }
    Ok(found)
}

/// Bytes as hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
