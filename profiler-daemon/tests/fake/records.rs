//! Records as the fake has them: three replicas of one image, and a place for what is imported.

use std::collections::BTreeMap;

use profiler_daemon::{
    api::protocol::{
        ErrorBody, Explanation,
        observations::{Change, Imported, ImportedContainer, RecordedContainer},
        workloads::ImageWorkload,
    },
    collector::command::observations::ObservationsCommand,
    profile::{
        call::{Call, CallSet},
        completeness::Completeness,
        merge::{Coverage, Merged},
        observation::{Observation, Sighting},
        workload::Named,
    },
};

use super::data;

/// The image of the replicas.
pub(super) const SHOP: &str = "shop:2";

fn record(now_ms: u64, numbers: &[u32], refused: &[u32]) -> Observation {
    let calls = |numbers: &[u32]| -> CallSet {
        let call = |nr: &u32| Call::new(profiler_daemon::profile::abi::Abi::X86_64, *nr);
        numbers.iter().map(call).collect()
    };
    let sighting = Sighting {
        at_ms: now_ms - 89 * 60_000,
        exe: Some("/usr/sbin/nginx".to_owned()),
        comm: "nginx".to_owned(),
        pid: 4711,
        session: 1,
    };
    Observation {
        observed: calls(numbers),
        answered: calls(numbers),
        refused: calls(refused),
        sightings: calls(numbers)
            .into_iter()
            .map(|call| (call, sighting.clone()))
            .collect(),
        start_seen: true,
        program_started: true,
        stop_seen: true,
        sessions: 1,
        first_ms: Some(now_ms - 90 * 60_000),
        last_new_ms: Some(now_ms - 89 * 60_000),
        ..Observation::default()
    }
}

fn replicas(now_ms: u64) -> Merged {
    let mut replicas = Merged::default();
    replicas.add("web-1".to_owned(), record(now_ms, &[257, 288, 39], &[]));
    replicas.add("web-2".to_owned(), record(now_ms, &[257, 288], &[39]));
    replicas.add("web-3".to_owned(), record(now_ms, &[257], &[]));
    replicas
}

pub(super) fn coverage(now_ms: u64) -> Coverage {
    replicas(now_ms).coverage()
}

pub(super) fn explained(
    now_ms: u64,
    image: &str,
    call: Option<&str>,
) -> Result<Vec<Explanation>, ErrorBody> {
    if image != SHOP {
        return super::error(
            "not_found",
            &format!("no container of image {image} was recorded"),
        );
    }
    let replicas = replicas(now_ms);
    let union = replicas.union();
    let calls = [(288, "accept4"), (39, "getpid"), (257, "openat")];
    let found: Vec<Explanation> = calls
        .into_iter()
        .filter(|(_, name)| call.is_none_or(|call| call == *name))
        .map(|(nr, name)| {
            let mut one = data::call(nr, name);
            let call = Call::new(profiler_daemon::profile::abi::Abi::X86_64, nr);
            one.first = union.sightings.get(&call).cloned();
            one.coverage = Some(replicas.coverage_of(call));
            one
        })
        .collect();
    if found.is_empty() {
        return super::error("bad_request", "there is no system call of that name");
    }
    Ok(found)
}

/// Two of the replicas' image, and a shell of it whose name is as odd as can be.
pub(super) fn workloads(image: &str) -> Result<Vec<ImageWorkload>, ErrorBody> {
    let workload = |name: String, containers: u64| {
        let named = Named::read(&name).unwrap();
        ImageWorkload {
            id: named.to_string().replace(&named.image, "sha256:5509"),
            meant: image == name,
            entrypoint: named.other,
            name,
            containers,
            imported: 0,
        }
    };
    match image {
        SHOP => Ok(vec![
            workload(SHOP.to_owned(), 3),
            workload(format!("{SHOP}#/bin/sh"), 2),
            workload(format!("{SHOP}#/x%1B%5B31m%20y%403"), 1),
        ]),
        other => super::error(
            "not_found",
            &format!("no container of image {other} was recorded"),
        ),
    }
}

fn recorded(now_ms: u64, id: &str, name: &str) -> RecordedContainer {
    let mut identity = data::identity(id, name, SHOP);
    identity.labels = BTreeMap::from([("team".to_owned(), "shop".to_owned())]);
    identity.running = false;
    let verdict = Completeness {
        complete: true,
        ..Completeness::default()
    };
    RecordedContainer::of(identity, verdict, record(now_ms, &[257], &[]))
}

pub(super) fn answer(command: ObservationsCommand, now_ms: u64) {
    match command {
        ObservationsCommand::OfContainer { container, reply } => drop(match container.as_str() {
            "web" => reply.send(Ok(vec![recorded(now_ms, &"3f".repeat(32), "web")])),
            other => reply.send(super::missing(other)),
        }),
        ObservationsCommand::OfImage { image, reply } => drop(if image == SHOP {
            let all = [("7c", "web-2"), ("3f", "web-1")];
            let records = all.map(|(digits, name)| recorded(now_ms, &digits.repeat(32), name));
            reply.send(Ok(records.into()))
        } else {
            let message = format!("no container of image {image} was recorded");
            reply.send(super::error("not_found", &message))
        }),
        ObservationsCommand::Import {
            observations,
            reply,
            ..
        } => {
            let host = observations.host;
            let containers =
                observations
                    .containers
                    .into_iter()
                    .map(|container| ImportedContainer {
                        name: container.name.unwrap_or_default(),
                        id: container.id,
                        host: container.host.unwrap_or_else(|| host.clone()),
                        change: Change::Added,
                    });
            drop(reply.send(Ok(Imported {
                containers: containers.collect(),
            })));
        }
    }
}
