//! The images, made on this machine since no registry is asked: a static busybox, and servers in a Debian.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::engine::Engine;
use super::rootfs;
use crate::program;

/// A static busybox with a user `app`; `pb-health` is the same with a health check and a web server.
pub(super) const BUSYBOX: &str = "pb-busybox";

/// What `cargo xtask demo` runs.
pub(crate) const DEMO: &str = "profiler-demo";

/// Every image of the full testbed.
pub(super) const ALL: [&str; 6] = [
    BUSYBOX,
    "pb-health",
    "pb-nginx",
    "pb-apache",
    "pb-redis",
    "pb-python",
];

/// Which tree an image has for its root.
#[derive(Clone, Copy)]
enum Root {
    Busybox,
    Debian,
}

/// A shell as process 1, since httpd there would ignore the signal that `docker stop` sends.
const SERVE_AND_STOP: &str = r#"CMD ["sh", "-c", "trap 'exit 0' TERM; httpd -p 80 -h /var/www; while :; do sleep 1 & wait $!; done"]"#;

struct Recipe {
    name: &'static str,
    root: Root,
    /// Dockerfile instructions.
    changes: &'static [&'static str],
}

const RECIPES: [Recipe; 7] = [
    Recipe {
        name: DEMO,
        root: Root::Busybox,
        changes: &[SERVE_AND_STOP],
    },
    Recipe {
        name: BUSYBOX,
        root: Root::Busybox,
        changes: &[r#"CMD ["sh"]"#],
    },
    Recipe {
        name: "pb-health",
        root: Root::Busybox,
        changes: &[
            SERVE_AND_STOP,
            r"HEALTHCHECK --interval=1s --timeout=5s --retries=3 CMD wget -q -O /dev/null http://127.0.0.1/",
        ],
    },
    Recipe {
        name: "pb-nginx",
        root: Root::Debian,
        changes: &[r#"CMD ["nginx", "-g", "daemon off;"]"#],
    },
    Recipe {
        name: "pb-apache",
        root: Root::Debian,
        changes: &[
            // Not apache2ctl: it would stay as process 1, which ignores the signal that `docker stop` sends.
            r#"CMD ["sh", "-c", ". /etc/apache2/envvars && exec apache2 -D FOREGROUND"]"#,
        ],
    },
    Recipe {
        name: "pb-redis",
        root: Root::Debian,
        changes: &[r#"CMD ["redis-server", "--dir", "/tmp"]"#],
    },
    Recipe {
        name: "pb-python",
        root: Root::Debian,
        changes: &[r#"CMD ["python3", "-u", "/srv/threads.py"]"#],
    },
];

/// Makes the wanted images that are not there yet, and returns their names.
pub(crate) fn make(wanted: &[&str], engine: &Engine, cache: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for name in wanted {
        let recipe = RECIPES
            .iter()
            .find(|recipe| recipe.name == *name)
            .with_context(|| format!("the testbed has no recipe for an image {name}"))?;
        let base = base(recipe.root, engine, cache)?;
        derive(recipe, &base, engine)?;
        names.push(recipe.name.to_owned());
    }
    Ok(names)
}

/// The image that is just the tree; tagged with what it was made from.
fn base(root: Root, engine: &Engine, cache: &Path) -> Result<String> {
    let (name, tree) = match root {
        Root::Busybox => ("pb-root-busybox", rootfs::busybox(cache)?),
        Root::Debian => ("pb-root-debian", rootfs::debian(cache)?),
    };
    let tag = format!("{name}:{}", tree.key);
    if !exists(&tag, engine) {
        let path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        program::quietly(
            engine
                .docker()
                .args(["import", "--change", path])
                .arg(&tree.tar)
                .arg(&tag),
        )?;
    }
    Ok(tag)
}

fn derive(recipe: &Recipe, base: &str, engine: &Engine) -> Result<()> {
    let stamp = format!("LABEL made-from=\"{base} {}\"", rootfs::key(recipe.changes));
    if made_from(recipe.name, engine).is_some_and(|label| stamp.contains(&format!("\"{label}\""))) {
        return Ok(());
    }
    let container = program::output(engine.docker().args(["create", base, "true"]))?;
    let container = container.trim();
    let mut commit = engine.docker();
    commit.args(["commit", "--change", &stamp]);
    for change in recipe.changes {
        commit.args(["--change", change]);
    }
    let made = program::quietly(commit.args([container, recipe.name]));
    program::quietly(engine.docker().args(["rm", container]))?;
    made?;
    if !exists(recipe.name, engine) {
        bail!(
            "{} was committed but the engine does not know it",
            recipe.name
        );
    }
    Ok(())
}

fn exists(image: &str, engine: &Engine) -> bool {
    program::quietly(engine.docker().args(["image", "inspect", image])).is_ok()
}

fn made_from(image: &str, engine: &Engine) -> Option<String> {
    let format = r#"{{index .Config.Labels "made-from"}}"#;
    let label = program::output(
        engine
            .docker()
            .args(["image", "inspect", "--format", format, image]),
    );
    label.ok().map(|label| label.trim().to_owned())
}
