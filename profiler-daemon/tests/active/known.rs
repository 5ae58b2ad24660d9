//! Asking a daemon for the filter in force, and what that means.

use std::time::Duration;

use profiler_daemon::{
    api::client::Client,
    audit::{
        active::{Active, Source},
        loaded::LoadedFinding,
    },
    seccomp::{
        diagram::{Diagrams, Node},
        filter::symbolic::stacked,
    },
};

use crate::testbed::{Daemon, eventually};

/// The filter in force; nothing where the daemon knows no such container.
pub(crate) fn active(daemon: &Daemon, container: &str, ptrace: bool) -> Option<Active> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = Client::new(daemon.socket());
    runtime.block_on(client.active(container, ptrace)).ok()
}

/// The same, once it is known in this way and who the container is.
pub(crate) fn known_as(daemon: &Daemon, container: &str, source: Source) -> Active {
    let mut last = None;
    let begin = std::time::Instant::now();
    while begin.elapsed() < Duration::from_secs(20) {
        last = active(daemon, container, false);
        match &last {
            Some(found) if found.source == source && found.runtime.is_some() => break,
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    eventually(&format!("{source:?}, not {last:?}"), Duration::ZERO, || {
        last.clone()
            .filter(|found| found.source == source && found.runtime.is_some())
    })
}

/// What the container's own filters mean.
pub(crate) fn meaning(diagrams: &mut Diagrams, active: &Active) -> Node {
    let programs = active.programs().expect("it is known");
    stacked(diagrams, &programs).expect("no maze")
}

/// Where what is loaded is not what was asked for.
pub(crate) fn audited(daemon: &Daemon, container: &str) -> Vec<LoadedFinding> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = Client::new(daemon.socket());
    let report = runtime.block_on(client.audit(container, false, None));
    report.expect("an audit").findings
}
