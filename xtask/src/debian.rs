//! Debian packages: installing what the host lacks, and unpacking packages of another suite into a folder.
//!
//! The mirror is never written down: it is asked of the machine's own apt settings.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{program, workspace};

/// A package of a suite that the machine itself does not use.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    /// The version has to begin so; empty for the newest.
    pub(crate) version: &'a str,
}

/// Whether apt is here and may be used to install.
pub(crate) fn can_install() -> bool {
    rustix::process::geteuid().is_root() && program::found("apt-get").is_some()
}

/// Which of the packages are not installed.
pub(crate) fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect()
}

fn is_installed(package: &str) -> bool {
    program::output(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Abbrev}", package]))
        .is_ok_and(|status| status.starts_with("ii"))
}

/// Installs the packages that are missing, and says so.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!(
        "apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    if !can_install() {
        bail!("missing packages: {}. As root: {line}", missing.join(", "));
    }
    eprintln!("xtask: installing with apt: {}", missing.join(" "));
    if apt_install(&missing).is_err() {
        // Lists that are absent or old are the usual reason.
        update()?;
        apt_install(&missing).with_context(|| format!("try by hand: {line}"))?;
    }
    Ok(())
}

fn apt_install(packages: &[&str]) -> Result<()> {
    program::quietly(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            // docker.io's script would start the host's engine: nobody asked for one.
            .env("RUNLEVEL", "1")
            .args(["-q", "-y", "--no-install-recommends", "install"])
            .args(packages),
    )
}

/// Downloads packages of `suite` and unpacks them into `folder`; returns the version of each.
pub(crate) fn unpack(suite: &str, wanted: &[Wanted<'_>], folder: &Path) -> Result<Vec<String>> {
    let apt = Suite::open(suite, &folder.with_extension("apt"))?;
    let mut versions = Vec::new();
    for package in wanted {
        let version = apt.version(package)?;
        eprintln!(
            "xtask: unpacking {} {version} of Debian {suite}",
            package.name
        );
        let file = apt.download(package.name, &version)?;
        workspace::folder(folder)?;
        program::run(Command::new("dpkg-deb").arg("-x").arg(file).arg(folder))?;
        versions.push(version);
    }
    apt.close()?;
    Ok(versions)
}

/// The code name of the release that runs here.
pub(crate) fn codename() -> Result<String> {
    let release =
        std::fs::read_to_string("/etc/os-release").context("can't read /etc/os-release")?;
    release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .context("/etc/os-release has no VERSION_CODENAME; the testbed is made for Debian")
}

/// The Debian mirror that this machine is set up for.
pub(crate) fn mirror() -> Result<String> {
    if let Some(site) = listed_mirror()? {
        return Ok(site);
    }
    // A fresh machine has no lists yet, and apt names only the sites it has lists of.
    if can_install() {
        update()?;
    }
    listed_mirror()?
        .context("apt has no list of a Debian mirror: name one in /etc/apt/sources.list and run apt-get update as root")
}

fn listed_mirror() -> Result<Option<String>> {
    let sites = program::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(ORIGIN) $(SITE)",
        "Created-By: Packages",
    ]))?;
    Ok(sites
        .lines()
        .filter_map(|line| line.strip_prefix("Debian "))
        .find(|site| site.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned))
}

fn update() -> Result<()> {
    program::quietly(Command::new("apt-get").args(["-q", "update"]))
        .context("apt-get update failed, so nothing can be installed")
}

/// One other suite, with lists of its own so that the machine's stay as they are.
struct Suite {
    name: String,
    folder: PathBuf,
    options: Vec<String>,
}

impl Suite {
    fn open(name: &str, folder: &Path) -> Result<Self> {
        let lists = folder.join("lists");
        workspace::folder(&lists.join("partial"))?;
        let source = folder.join("source.list");
        workspace::write(&source, format!("deb {} {name} main\n", mirror()?))?;
        let setting = |key: &str, value: &Path| format!("{key}={}", value.display());
        let suite = Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            options: vec![
                setting("Dir::Etc::sourcelist", &source),
                setting("Dir::Etc::sourceparts", Path::new("/dev/null")),
                setting("Dir::State::lists", &lists),
                setting("Dir::Cache::pkgcache", Path::new("")),
                setting("Dir::Cache::srcpkgcache", Path::new("")),
                "APT::Sandbox::User=root".to_owned(),
            ],
        };
        program::quietly(suite.command("apt-get").args(["-q", "update"]))
            .with_context(|| format!("the mirror's list of Debian {name} can't be had"))?;
        Ok(suite)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command.current_dir(&self.folder);
        command
    }

    fn version(&self, package: &Wanted<'_>) -> Result<String> {
        let table = program::output(self.command("apt-cache").args(["madison", package.name]))?;
        table
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim)
            .find(|version| version.starts_with(package.version))
            .map(str::to_owned)
            .with_context(|| {
                format!(
                    "Debian {} has no {} with a version {}…; it has:\n{table}",
                    self.name, package.name, package.version
                )
            })
    }

    fn download(&self, package: &str, version: &str) -> Result<PathBuf> {
        program::quietly(self.command("apt-get").args([
            "-q",
            "download",
            &format!("{package}={version}"),
        ]))?;
        std::fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
            })
            .with_context(|| {
                format!(
                    "apt-get download {package} left no file in {}",
                    self.folder.display()
                )
            })
    }

    fn close(self) -> Result<()> {
        std::fs::remove_dir_all(&self.folder)
            .with_context(|| format!("can't remove {}", self.folder.display()))
    }
}
