//! An engine that dies on request, for the tests of moves: at any request, before it was carried out,
//! after, or with it still under way, as a real engine goes on with a stop whose client was killed.

use std::{cell::RefCell, time::Duration};

use serde_json::{Value, json};

use super::port::{Port, PortError, RefusedCall};

/// When profilectl dies, as seen from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// The engine never heard of it.
    Before,
    /// It was carried out, and nobody heard of it.
    After,
    /// It is carried out four seconds later; a new name, which takes no time, in less than one.
    Later,
}

/// How the container to come turns out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Well.
    Well,
    /// The runtime cannot start it.
    NoStart,
    /// It ends at once.
    Ends,
    /// Its health check fails.
    Unhealthy,
    /// Its health check never answers.
    Undecided,
    /// The engine makes something else of it.
    Differs,
    /// It works, and is refused calls.
    Refused,
}

/// A container.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) body: Value,
    pub(super) running: bool,
    pub(super) started: bool,
    networks: Vec<String>,
}

impl Made {
    pub(super) fn has_profile(&self) -> bool {
        !self.body["HostConfig"]["SecurityOpt"].is_null()
    }
}

#[derive(Debug)]
struct World {
    made: Vec<Made>,
    requests: usize,
    death: Option<(usize, Death)>,
    dead: bool,
    clock: Duration,
    under_way: Vec<(Duration, Deed)>,
    fate: Fate,
    /// Times at which nothing ran, as the names that there were then.
    gaps: usize,
}

#[derive(Clone, Debug)]
enum Deed {
    Create(String, Value),
    Connect(String, String),
    Start(String),
    Stop(String),
    Rename(String, String),
    Remove(String),
}

/// The engine, shared by those who talk to it.
#[derive(Debug)]
pub(super) struct FakeEngine(RefCell<World>);

impl FakeEngine {
    /// One that has this container, running.
    pub(super) fn with(name: &str, body: Value, fate: Fate) -> Self {
        Self(RefCell::new(World {
            made: vec![Made {
                id: "c1".to_owned(),
                name: name.to_owned(),
                body,
                running: true,
                started: true,
                networks: vec!["net".to_owned(), "other".to_owned()],
            }],
            requests: 0,
            death: None,
            dead: false,
            clock: Duration::ZERO,
            under_way: Vec::new(),
            fate,
            gaps: 0,
        }))
    }

    /// Whoever talks to it dies at this request that changes something, from 0.
    pub(super) fn dies_at(&self, request: usize, death: Death) {
        let mut world = self.0.borrow_mut();
        world.requests = 0;
        world.death = Some((request, death));
    }

    /// Somebody else talks to it from now on. True if the one before had died.
    pub(super) fn revive(&self) -> bool {
        let mut world = self.0.borrow_mut();
        world.death = None;
        std::mem::take(&mut world.dead)
    }

    pub(super) fn containers(&self) -> Vec<Made> {
        self.0.borrow().made.clone()
    }

    pub(super) fn gaps(&self) -> usize {
        self.0.borrow().gaps
    }

    /// Somebody else makes a container.
    pub(super) fn intrude(&self, name: &str, body: Value) {
        let mut world = self.0.borrow_mut();
        world
            .carry_out(Deed::Create(name.to_owned(), body))
            .unwrap();
    }

    /// Somebody else removes one.
    pub(super) fn lose(&self, name: &str) {
        self.0.borrow_mut().made.retain(|one| one.name != name);
    }

    fn request(&self, deed: Deed) -> Result<String, PortError> {
        let mut world = self.0.borrow_mut();
        if world.dead {
            return Err(dead());
        }
        let number = world.requests;
        world.requests += 1;
        match world.death {
            Some((at, death)) if at == number => {
                world.dead = true;
                match death {
                    Death::Before => {}
                    Death::After => drop(world.carry_out(deed)),
                    Death::Later => {
                        let takes = match deed {
                            Deed::Rename(..) => Duration::from_millis(400),
                            _ => Duration::from_secs(4),
                        };
                        let due = world.clock + takes;
                        world.under_way.push((due, deed));
                    }
                }
                Err(dead())
            }
            _ => world.carry_out(deed),
        }
    }
}

fn dead() -> PortError {
    PortError::refused("nobody asks any more")
}

impl World {
    fn place(&self, id: &str) -> Result<usize, PortError> {
        let place = self.made.iter().position(|one| one.id == id);
        place.ok_or_else(|| PortError::refused("no such container"))
    }

    fn carry_out(&mut self, deed: Deed) -> Result<String, PortError> {
        let taken = |world: &Self, name: &str| world.made.iter().any(|one| one.name == name);
        let mut told = String::new();
        match deed {
            Deed::Create(name, body) => {
                if taken(self, &name) {
                    return Err(PortError::refused("the name is in use"));
                }
                told = format!("c{}", self.requests + 100);
                let mut body = body;
                if self.fate == Fate::Differs {
                    body["Env"] = json!(["A=c"]);
                }
                self.made.push(Made {
                    id: told.clone(),
                    name,
                    body,
                    running: false,
                    started: false,
                    networks: vec!["net".to_owned()],
                });
            }
            Deed::Connect(network, id) => {
                let place = self.place(&id)?;
                self.made[place].networks.push(network);
            }
            Deed::Start(id) => self.start(&id)?,
            Deed::Stop(id) => {
                let place = self.place(&id)?;
                self.made[place].running = false;
            }
            Deed::Rename(id, name) => {
                if taken(self, &name) {
                    return Err(PortError::refused("the name is in use"));
                }
                let place = self.place(&id)?;
                self.made[place].name = name;
            }
            Deed::Remove(id) => self.made.retain(|one| one.id != id),
        }
        if !self.made.iter().any(|one| one.running) {
            self.gaps += 1;
        }
        Ok(told)
    }

    fn start(&mut self, id: &str) -> Result<(), PortError> {
        let place = self.place(id)?;
        let ports = |one: &Made| {
            let bound = one.body["HostConfig"]["PortBindings"].as_object();
            bound.is_some_and(|bound| !bound.is_empty())
        };
        let one = &self.made[place];
        let busy = self
            .made
            .iter()
            .any(|other| other.id != one.id && other.running && ports(other));
        if ports(one) && busy {
            return Err(PortError::refused("the port is already allocated"));
        }
        if one.has_profile() && self.fate == Fate::NoStart {
            return Err(PortError::refused("OCI runtime create failed"));
        }
        let ends = one.has_profile() && self.fate == Fate::Ends;
        self.made[place].running = !ends;
        self.made[place].started = true;
        Ok(())
    }

    fn told(&self, one: &Made) -> Value {
        let mut config = one.body.clone();
        let host = config["HostConfig"].take();
        if let Some(config) = config.as_object_mut() {
            config.remove("HostConfig");
            config.remove("NetworkingConfig");
            config.insert("Hostname".to_owned(), json!(one.id));
        }
        let health = match (one.has_profile(), self.fate) {
            (true, Fate::Unhealthy) => "unhealthy",
            (true, Fate::Undecided) => "starting",
            _ => "healthy",
        };
        let networks: serde_json::Map<String, Value> = one
            .networks
            .iter()
            .map(|name| (name.clone(), json!({"Aliases": [one.id]})))
            .collect();
        json!({
            "Id": one.id, "Name": format!("/{}", one.name), "Image": "sha256:1", "RestartCount": 0,
            "State": {
                "Running": one.running, "ExitCode": if one.running { 0 } else { 159 }, "Pid": 1,
                "StartedAt": if one.started { "2026-01-01" } else { "0001-01-01" },
                "Health": {"Status": health, "Log": [{"ExitCode": 1, "Output": "no answer"}]},
            },
            "Config": config, "HostConfig": host, "Mounts": [],
            "NetworkSettings": {"Networks": networks},
        })
    }
}

impl Port for FakeEngine {
    async fn inspect(&self, container: &str) -> Result<Option<Value>, PortError> {
        let world = self.0.borrow();
        if world.dead {
            return Err(dead());
        }
        let mut made = world.made.iter();
        let one = made.find(|one| one.id == container || one.name == container);
        Ok(one.map(|one| world.told(one)))
    }

    async fn create(&self, name: &str, body: &Value) -> Result<String, PortError> {
        self.request(Deed::Create(name.to_owned(), body.clone()))
    }

    async fn connect(&self, network: &str, id: &str, _: &Value) -> Result<(), PortError> {
        let deed = Deed::Connect(network.to_owned(), id.to_owned());
        self.request(deed).map(drop)
    }

    async fn start(&self, id: &str) -> Result<(), PortError> {
        self.request(Deed::Start(id.to_owned())).map(drop)
    }

    async fn stop(&self, id: &str) -> Result<(), PortError> {
        self.request(Deed::Stop(id.to_owned())).map(drop)
    }

    async fn rename(&self, id: &str, name: &str) -> Result<(), PortError> {
        let deed = Deed::Rename(id.to_owned(), name.to_owned());
        self.request(deed).map(drop)
    }

    async fn remove(&self, id: &str) -> Result<(), PortError> {
        self.request(Deed::Remove(id.to_owned())).map(drop)
    }

    async fn last_words(&self, _: &str) -> String {
        "last words".to_owned()
    }

    async fn refused(&self, id: &str) -> Option<Vec<RefusedCall>> {
        let refused = |call: &str| RefusedCall {
            call: call.to_owned(),
            told: "errno 1, once, by /bin/x".to_owned(),
        };
        let world = self.0.borrow();
        let one = world.made.iter().find(|one| one.id == id)?;
        let mut calls = vec![refused("keyctl")];
        if one.has_profile() && world.fate == Fate::Refused {
            calls.push(refused("chmod"));
        }
        Some(calls)
    }

    async fn filtered(&self, _: &str, _: u64) -> Option<bool> {
        Some(true)
    }

    async fn pause(&self, time: Duration) {
        let mut world = self.0.borrow_mut();
        world.clock += time;
        let now = world.clock;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut world.under_way)
            .into_iter()
            .partition(|(when, _)| *when <= now);
        world.under_way = later;
        for (_, deed) in due {
            // Nobody is there to hear that it failed.
            drop(world.carry_out(deed));
        }
    }
}
