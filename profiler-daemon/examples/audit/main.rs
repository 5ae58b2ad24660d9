//! How soon a container's active profile is known, and how long an audit takes beside 200 other containers, as
//! `cargo xtask bench` prints it: `audit PROFILERD PROFILECTL TESTBED.JSON`. The containers that start are real; of
//! the 200 there is what a daemon keeps of one, under 200 names.

#![allow(clippy::print_stdout, reason = "the figures are what this is for")]

mod engine;
mod recorder;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use profiler_daemon::{
    audit::active::Source,
    store::{ContainerRecord, Database},
};
use serde_json::Value;

use self::{engine::Engine, recorder::Recorder};

/// Starts that are timed.
const STARTS: usize = 10;
/// Containers known when audits are timed.
const KNOWN: usize = 200;
/// Audits of each kind.
const AUDITS: usize = 40;
/// How often it is asked whether the profile is known.
const PAUSE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [daemon, ctl, testbed] = words.as_slice() else {
        bail!("usage: audit PROFILERD PROFILECTL TESTBED.JSON");
    };
    let folder = std::env::temp_dir().join(format!("profiler-audit-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure(daemon, ctl, Path::new(testbed), &folder));
    fs::remove_dir_all(&folder)?;
    result
}

async fn measure(daemon: &str, ctl: &str, testbed: &Path, folder: &Path) -> Result<()> {
    let engine = Engine::of(testbed)?;
    let recorder = Recorder::start(daemon, folder, &engine.url).await?;
    let mut delays = Vec::new();
    let mut last = String::new();
    for number in 0..STARTS {
        let container = engine.create(number)?;
        delays.push(delay(&engine, &recorder, &container.id).await?);
        tokio::time::sleep(Duration::from_secs(1)).await;
        container.stop()?;
        last.clone_from(&container.id);
        ended(&recorder, &last).await?;
    }
    println!("from a container's start to its active profile, ms, {STARTS} starts");
    println!("| since | median | most | aim |");
    println!("| --- | --- | --- | --- |");
    let (calls, engines): (Vec<f64>, Vec<f64>) = delays.into_iter().unzip();
    told("its program's first call", calls, "100");
    told("the engine's word that it runs", engines, "100");
    drop(recorder);

    multiply(folder, &last).await?;
    let recorder = Recorder::start(daemon, folder, "none").await?;
    let known = recorder.client.list().await?.len();
    ensure!(known >= KNOWN, "{known} containers are known");
    println!(
        "\n`profilectl audit` beside {known} containers, from its start to its end, ms, {AUDITS} runs"
    );
    println!("| of | median | most | aim |");
    println!("| --- | --- | --- | --- |");
    for candidate in [None, Some("known-7"), Some("docker-default")] {
        let mut times = Vec::new();
        for _ in 0..AUDITS {
            times.push(audit(ctl, &recorder, candidate)?);
        }
        let what = candidate.map_or("the active profile".to_owned(), |name| {
            format!("candidate {name}")
        });
        told(&what, times, "50");
    }
    Ok(())
}

/// Milliseconds from the first call of the container's program, and from the time at which the engine says that it
/// runs, until its active profile was answered.
async fn delay(engine: &Engine, recorder: &Recorder, id: &str) -> Result<(f64, f64)> {
    let mut start = engine.start(id)?;
    let begin = Instant::now();
    loop {
        // At first there is no such container.
        if let Ok(active) = recorder.client.active(id, false).await
            && active.source == Source::Copied
        {
            break;
        }
        ensure!(
            begin.elapsed() < PATIENCE,
            "the profile of {id} was never known"
        );
        tokio::time::sleep(PAUSE).await;
    }
    let known = ms(SystemTime::now())?;
    ensure!(start.wait()?.success(), "{id} did not start");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let detail = recorder.client.show(id).await?;
    let sightings = detail.calls.iter().filter(|call| call.observed);
    let first = sightings
        .filter_map(|call| Some(call.first.as_ref()?.at_ms))
        .min();
    let first = first.context("no call of the program was seen")?;
    Ok((known - first as f64, known - ms(engine.started(id)?)?))
}

fn ms(time: SystemTime) -> Result<f64> {
    Ok(time.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1000.0)
}

async fn ended(recorder: &Recorder, id: &str) -> Result<()> {
    let begin = Instant::now();
    while !recorder.client.show(id).await?.stop_seen {
        ensure!(begin.elapsed() < PATIENCE, "the end of {id} was not seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Writes down one container under many names.
async fn multiply(folder: &Path, id: &str) -> Result<()> {
    let mut database = Database::open(&folder.join("state")).await?;
    let records = database.containers().await?;
    let record = records.iter().find(|(known, _)| known == id);
    let (_, record) = record.context("the container was not kept")?;
    let mut kept: Value = serde_json::from_str(record)?;
    for number in 0..KNOWN {
        let id = format!("{number:0>64x}");
        let identity = &mut kept["identity"];
        identity["id"] = id.clone().into();
        identity["name"] = format!("known-{number}").into();
        let record = ContainerRecord {
            id,
            workload: None,
            changed_ms: kept["changed_ms"].as_u64().unwrap_or(0),
            record: kept.to_string(),
        };
        database.keep_container(&record).await?;
    }
    database.close().await?;
    Ok(())
}

fn audit(ctl: &str, recorder: &Recorder, candidate: Option<&str>) -> Result<f64> {
    let mut command = Command::new(ctl);
    command.arg("--socket").arg(&recorder.socket);
    command.args(["audit", "known-100", "--format", "json"]);
    if let Some(candidate) = candidate {
        command.args(["--candidate", candidate]);
    }
    let begin = Instant::now();
    let output = command.output()?;
    let took = begin.elapsed();
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(matches!(output.status.code(), Some(0 | 1)), "audit: {told}");
    Ok(took.as_secs_f64() * 1000.0)
}

fn told(what: &str, mut times: Vec<f64>, aim: &str) {
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let most = times.last().copied().unwrap_or_default();
    println!("| {what} | {median:.1} | {most:.1} | under {aim} |");
}
