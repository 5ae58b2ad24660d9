//! A container with everything that a move has to keep, in networks of its own; all of it is gone when
//! its guard is.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::testbed::{Ended, Testbed, eventually, run};

static MADE: AtomicU32 = AtomicU32::new(0);

/// How long one move may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What the web server answers with: a file of the volume.
pub(crate) const WORDS: &str = "what was written before";

/// Serves the volume, and ends when it is asked to.
const SERVE: &str = "test -f /data/index.html || echo 'what was written before' > /data/index.html; \
    echo kept > /anonymous/file; trap 'exit 0' TERM; httpd -p 80 -h /data; \
    while :; do sleep 1 & wait $!; done";

/// Something that can be resolved and asked from.
const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

/// The ground that one test stands on.
pub(crate) struct Ground {
    pub(crate) testbed: Testbed,
    /// Begins the name of everything here.
    prefix: String,
    /// The host's port of the web server.
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Ground {
    /// Two networks, a volume and nothing in them.
    pub(crate) fn new(testbed: &Testbed) -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("pb-apply-{}-{number}", std::process::id());
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let ground = Self {
            testbed: testbed.clone(),
            prefix,
            port: free.local_addr().expect("its number").port(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let taken = (1..250).find_map(|third| {
            let subnet = format!("10.213.{third}.0/24");
            let name = ground.named("net");
            let ended = testbed.docker(&["network", "create", "--subnet", &subnet, &name]);
            // Another test's is the only reason to try on.
            let overlaps = ended.stderr.contains("overlaps");
            assert!(ended.success() || overlaps, "no network: {ended}");
            ended.success().then_some(())
        });
        assert!(taken.is_some(), "every subnet is taken");
        testbed.docker_ok(&["network", "create", &ground.named("other")]);
        ground
    }

    pub(crate) fn named(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self) -> String {
        let format = "{{(index .IPAM.Config 0).Subnet}}";
        let name = self.named("net");
        let subnet = self
            .testbed
            .docker_ok(&["network", "inspect", "--format", format, &name]);
        subnet.replace(".0/24", ".77")
    }

    /// A container that others are asked from, and one with everything.
    pub(crate) fn with_everything(&self) -> String {
        let (db, web, net) = (self.named("db"), self.named("web"), self.named("net"));
        let run = ["run", "--detach", "--name", &db, "--network", &net];
        self.docker(&run, &["pb-busybox", "sh", "-c", IDLE]);
        let port = format!("127.0.0.1:{}:80", self.port);
        let volume = format!("{}:/data", self.named("volume"));
        let link = format!("{db}:database");
        let address = self.address();
        let words = [
            "run",
            "--detach",
            "--name",
            &web,
            "--network",
            &net,
            "--network-alias",
            "www",
            "--link",
            &link,
            "--ip",
            &address,
            "--mac-address",
            "02:42:0a:d5:00:77",
            "--publish",
            &port,
            "--publish",
            "127.0.0.1::81",
            "--volume",
            &volume,
            "--volume",
            "/anonymous",
            "--mount",
            "type=volume,dst=/mounted",
            "--tmpfs",
            "/scratch:size=1m",
            "--env",
            "COLOUR=blue",
            "--label",
            "team=a",
            "--restart",
            "unless-stopped",
            "--stop-timeout",
            "1",
            "--ulimit",
            "nofile=1000:2000",
            "--sysctl",
            "net.core.somaxconn=99",
            "--cap-drop",
            "NET_RAW",
            "--security-opt",
            "no-new-privileges",
            "--memory",
            "64m",
            "--init",
            "--workdir",
            "/tmp",
            "--add-host",
            "other:10.0.0.1",
            "--log-opt",
            "max-size=1m",
            "--shm-size",
            "1m",
            "--hostname",
            "front",
        ];
        self.docker(&words, &["pb-health", "sh", "-c", SERVE]);
        let other = self.named("other");
        let connect = [
            "network",
            "connect",
            "--alias",
            "www2",
            "--driver-opt",
            "a=b",
        ];
        self.docker(&connect, &[&other, &web]);
        self.healthy(&web);
        web
    }

    /// A container that publishes a port and has a volume, and no more, so that many can be made.
    pub(crate) fn plain(&self, name: &str, port: u16) -> String {
        let web = self.named(name);
        let published = format!("127.0.0.1:{port}:80");
        let volume = format!("{web}-volume:/data");
        let words = [
            "run",
            "--detach",
            "--name",
            &web,
            "--network",
            &self.named("net"),
            "--publish",
            &published,
            "--volume",
            &volume,
            "--volume",
            "/anonymous",
            "--stop-timeout",
            "1",
        ];
        self.docker(&words, &["pb-health", "sh", "-c", SERVE]);
        self.healthy(&web);
        web
    }

    /// A container that holds nothing of which there is only one.
    pub(crate) fn carefree(&self) -> String {
        let web = self.named("web");
        let words = [
            "run",
            "--detach",
            "--name",
            &web,
            "--network",
            &self.named("net"),
            "--network-alias",
            "www",
            "--stop-timeout",
            "1",
        ];
        let serve = "mkdir -p /tmp/www; echo 'what was written before' > /tmp/www/index.html; \
            trap 'exit 0' TERM; httpd -p 80 -h /tmp/www; while :; do sleep 1 & wait $!; done";
        self.docker(&words, &["pb-health", "sh", "-c", serve]);
        self.healthy(&web);
        web
    }

    fn docker(&self, words: &[&str], more: &[&str]) {
        let all: Vec<&str> = words.iter().chain(more).copied().collect();
        self.testbed.docker_ok(&all);
    }

    pub(crate) fn healthy(&self, container: &str) {
        eventually("a container that is well", PATIENCE, || {
            let told = self.inspect(container);
            (told["State"]["Health"]["Status"] == "healthy").then_some(())
        });
    }

    pub(crate) fn inspect(&self, container: &str) -> Value {
        let text = self.testbed.docker_ok(&["inspect", container]);
        let told: Value = serde_json::from_str(&text).expect("docker prints JSON");
        told[0].clone()
    }

    /// What a command in a container writes; nothing if it fails.
    pub(crate) fn exec(&self, container: &str, words: &[&str]) -> Option<String> {
        let all: Vec<&str> = ["exec", container].iter().chain(words).copied().collect();
        let ended = self.testbed.docker(&all);
        ended.success().then(|| ended.stdout.trim().to_owned())
    }

    /// Docker's default without these calls.
    pub(crate) fn without(&self, calls: &str, name: &str) -> String {
        let file = self.file(name).display().to_string();
        let mut edit = Command::new(env!("CARGO_BIN_EXE_profilectl"));
        edit.args(["edit", "docker-default", "--deny", calls, "-o", &file]);
        let ended = run(&mut edit, PATIENCE);
        assert!(ended.success(), "{ended}");
        file
    }

    /// `profilectl apply` on the testbed's engine, with no daemon.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_profilectl"));
        command
            .args([
                "--socket",
                "/nowhere/profilerd.sock",
                "apply",
                "--docker-host",
            ])
            .arg(self.testbed.url())
            .args(words);
        command
    }

    pub(crate) fn apply(&self, words: &[&str]) -> Ended {
        run(&mut self.command(words), PATIENCE)
    }

    /// The names of the containers here that begin so, in order.
    pub(crate) fn names(&self, begin: &str) -> Vec<String> {
        let listed = self
            .testbed
            .docker_ok(&["ps", "--all", "--format", "{{.Names}}"]);
        let mut names: Vec<String> = listed
            .lines()
            .filter(|name| name.starts_with(begin))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    /// The one container there is runs and answers with what its volume holds.
    pub(crate) fn works(&self, web: &str, port: u16) -> bool {
        self.names(web) == [web]
            && self.inspect(web)["State"]["Running"] == true
            && answer(port).as_deref() == Some(WORDS)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let mut volumes = vec![];
        for name in self.names(&self.prefix) {
            let mounts = self.inspect(&name)["Mounts"].clone();
            let mounts = mounts.as_array().into_iter().flatten();
            volumes.extend(mounts.filter_map(|mount| mount["Name"].as_str().map(str::to_owned)));
            self.testbed.docker(&["rm", "--force", "--volumes", &name]);
        }
        for volume in volumes {
            self.testbed.docker(&["volume", "rm", &volume]);
        }
        for network in ["net", "other"] {
            self.testbed
                .docker(&["network", "rm", &self.named(network)]);
        }
    }
}

/// What was said, whatever the lines it was broken into.
pub(crate) fn unfolded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the web server at this port answers; nothing if it does not.
pub(crate) fn answer(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(body.trim().to_owned())
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("its number").port()
}

/// What makes a container what it is, in this test's own words and not in the product's.
pub(crate) fn essence(told: &Value) -> Value {
    let short = &told["Id"].as_str().expect("an id")[..12];
    let mut host = told["HostConfig"].clone();
    let fields = host.as_object_mut().expect("a configuration");
    for compared_otherwise in ["SecurityOpt", "Binds", "Mounts"] {
        fields.remove(compared_otherwise);
    }
    fields.retain(|_, value| *value != json!(null) && *value != json!([]) && *value != json!({}));
    let mut mounts: Vec<Value> = told["Mounts"]
        .as_array()
        .expect("mounts")
        .iter()
        .map(|mount| {
            json!([
                mount["Destination"],
                mount["Type"],
                mount["Name"],
                mount["Source"],
                mount["RW"]
            ])
        })
        .collect();
    mounts.sort_by_key(ToString::to_string);
    let networks = told["NetworkSettings"]["Networks"].as_object();
    let networks: serde_json::Map<String, Value> = networks
        .expect("networks")
        .iter()
        .map(|(name, told)| {
            let aliases = told["Aliases"].as_array().into_iter().flatten();
            let mut aliases: Vec<&Value> = aliases.filter(|alias| *alias != short).collect();
            aliases.sort_by_key(ToString::to_string);
            let fixed = &told["IPAMConfig"]["IPv4Address"];
            (
                name.clone(),
                json!([aliases, fixed, told["Links"], told["DriverOpts"]]),
            )
        })
        .collect();
    let mut config = told["Config"].clone();
    if config["Hostname"] == short {
        config["Hostname"] = json!("its own id");
    }
    json!({
        "image": told["Image"], "config": config, "host": host, "mounts": mounts,
        "networks": networks, "name": told["Name"], "path": told["Path"], "args": told["Args"],
    })
}
