//! What is done to single containers: made, started, entered, stopped, renamed, removed.
//!
//! One request and its answer each, with a time limit of its own, for a stop takes as long as the
//! container likes. What the engine says when it refuses is kept in its own words: they name the
//! runtime's failure, which is what a person looks for. Tries nothing twice, keeps no state.

use std::{pin::Pin, time::Duration};

use bollard::{
    container::LogOutput,
    errors::Error as BollardError,
    exec::StartExecResults,
    models::{
        ContainerCreateBody, ContainerInspectResponse, ContainerSummary, EndpointSettings,
        ExecConfig, NetworkConnectRequest,
    },
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, KillContainerOptionsBuilder,
        LogsOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
        StopContainerOptionsBuilder,
    },
};
use futures_util::{Stream, StreamExt};
use thiserror::Error;
use tokio::io::AsyncWrite;

use super::{
    client::{Client, ClientError, told},
    condition::Condition,
    convert::Inspected,
    defaults::EngineDefaults,
    endpoint::Endpoint,
    runtime::Runtimes,
};
use crate::{
    profile::identity::Identity,
    seccomp::dialects::docker::resolve::{NEWEST_KERNEL, kernel_version},
};

/// How long a question may take.
const QUESTION: Duration = Duration::from_secs(20);
/// How long making, starting or removing a container may take: a loaded machine is slow at it.
const DEED: Duration = Duration::from_secs(120);
/// Bytes of what a command in a container wrote that are kept.
const MOST_OUTPUT: usize = 64 * 1024;

/// Why something was not done.
#[derive(Debug, Error)]
pub enum LifecycleError {
    /// The engine cannot be reached, or does not answer.
    #[error(transparent)]
    Engine(#[from] ClientError),
    /// There is no such thing.
    #[error("{said}")]
    Missing {
        /// What the engine says.
        said: String,
    },
    /// The engine refuses, or failed at it.
    #[error("{said}")]
    Refused {
        /// Docker's HTTP status: 400 for what cannot be asked for, 409 for a name that is taken,
        /// 500 for what went wrong.
        status: u16,
        /// What it says.
        said: String,
    },
    /// It took too long.
    #[error("the engine did not {deed} within {seconds} s")]
    Late {
        /// What was asked for.
        deed: &'static str,
        /// How long was waited.
        seconds: u64,
    },
}

/// How a command in a container went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Its exit status, if the engine told.
    pub status: Option<i64>,
    /// What it wrote, standard output and error as they came; the first 64 KiB.
    pub output: String,
}

/// A piece of what a container writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// To standard output.
    Output(Vec<u8>),
    /// To standard error.
    Error(Vec<u8>),
}

/// A way to hear a container, and to talk to it.
pub struct Attached {
    /// What it writes, until it ends or the engine goes.
    pub output: Pin<Box<dyn Stream<Item = Written> + Send>>,
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// What the engine does for a container that asks for nothing else, and what its runtimes are.
#[derive(Debug)]
pub struct EngineFacts {
    /// Its version, as it prints it.
    pub version: String,
    /// The first two numbers of its kernel's version.
    pub kernel: (u32, u32),
    /// The defaults.
    pub defaults: EngineDefaults,
    /// The runtimes that it knows.
    pub runtimes: Runtimes,
}

/// What is to be known of an image before a container is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its containers have a health check.
    pub has_health_check: bool,
}

/// A way to do things to the containers of one engine.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    client: Client,
}

type Answer<T> = Result<T, LifecycleError>;

impl Lifecycle {
    /// Prepares to talk to the engine.
    ///
    /// # Errors
    /// When there is no socket.
    pub fn new(endpoint: &Endpoint) -> Result<Self, ClientError> {
        // The limit of the connection is that of the slowest request; each has its own besides.
        let client = Client::new(endpoint, Duration::from_secs(3600))?;
        Ok(Self { client })
    }

    /// What is to be known of the engine before a container is made.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn facts(&self) -> Answer<EngineFacts> {
        let version = self
            .within("tell its version", QUESTION, self.client.docker.version())
            .await?;
        let info = self
            .within("tell its settings", QUESTION, self.client.docker.info())
            .await?;
        Ok(EngineFacts {
            defaults: EngineDefaults::read(&version, Some(&info)),
            runtimes: Runtimes::read(Some(&info)),
            kernel: info
                .kernel_version
                .as_deref()
                .and_then(kernel_version)
                .unwrap_or(NEWEST_KERNEL),
            version: version.version.unwrap_or_default(),
        })
    }

    /// Everything about a container, by name or id.
    ///
    /// # Errors
    /// There is none, or the engine does not answer.
    pub async fn inspect(&self, container: &str) -> Answer<ContainerInspectResponse> {
        named(container)?;
        let answer = self.client.docker.inspect_container(container, None);
        self.within("tell of the container", QUESTION, answer).await
    }

    /// How a container is.
    ///
    /// # Errors
    /// There is none, or the engine does not answer.
    pub async fn condition(&self, container: &str) -> Answer<Condition> {
        Ok(Condition::read(&self.inspect(container).await?))
    }

    /// Paths in a container's own file system that were added, changed or removed since it was made,
    /// and the folders that they are in.
    ///
    /// # Errors
    /// There is no such container, or the engine does not answer.
    pub async fn changed_paths(&self, container: &str) -> Answer<Vec<String>> {
        let answer = self.client.docker.container_changes(container);
        let changes = self
            .within("tell what the container wrote", DEED, answer)
            .await?;
        let paths = changes.into_iter().flatten().map(|change| change.path);
        Ok(paths.collect())
    }

    /// Who a container is, with the runtime that starts it.
    ///
    /// # Errors
    /// There is none, or the engine does not answer.
    pub async fn identity(&self, container: &str, facts: &EngineFacts) -> Answer<Identity> {
        let answer = self.inspect(container).await?;
        let inspected =
            Inspected::read(answer, &facts.defaults).ok_or_else(|| LifecycleError::Missing {
                said: format!("the engine tells nothing of {container}"),
            })?;
        let mut identity = inspected.identity;
        identity.runtime = Some(facts.runtimes.named(&inspected.runtime).await);
        Ok(identity)
    }

    /// All containers, those that ended too.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn list(&self) -> Answer<Vec<ContainerSummary>> {
        Ok(self.client.list().await?)
    }

    /// What is known of an image that the engine has.
    ///
    /// # Errors
    /// It has none of that name.
    pub async fn image(&self, reference: &str) -> Answer<ImageFacts> {
        let answer = self.client.docker.inspect_image(reference);
        let image = self.within("tell of the image", QUESTION, answer).await?;
        let config = image.config.unwrap_or_default();
        let test = config.healthcheck.and_then(|check| check.test);
        let kind = test.and_then(|test| test.into_iter().next());
        Ok(ImageFacts {
            has_health_check: kind.is_some_and(|kind| kind != "NONE"),
        })
    }

    /// Makes a container; its id.
    ///
    /// # Errors
    /// The name is taken (409), there is no such image, or what is asked for cannot be.
    pub async fn create(&self, name: Option<&str>, body: ContainerCreateBody) -> Answer<String> {
        let options = name.map(|name| CreateContainerOptionsBuilder::default().name(name).build());
        let answer = self.client.docker.create_container(options, body);
        let made = self.within("make the container", DEED, answer).await?;
        for warning in &made.warnings {
            tracing::debug!(warning, "the engine warns of a container that it made");
        }
        Ok(made.id)
    }

    /// Makes a container that is not running yet a member of one more network.
    ///
    /// # Errors
    /// There is no such network, or the address is taken.
    pub async fn connect(
        &self,
        network: &str,
        container: &str,
        endpoint: EndpointSettings,
    ) -> Answer<()> {
        let request = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(endpoint),
        };
        let answer = self.client.docker.connect_network(network, request);
        self.within("connect the network", DEED, answer).await
    }

    /// Starts a container.
    ///
    /// # Errors
    /// Its runtime cannot start it; what it says.
    pub async fn start(&self, container: &str) -> Answer<()> {
        let answer = self.client.docker.start_container(container, None);
        self.within("start the container", DEED, answer).await
    }

    /// Stops a container: its stop signal, and SIGKILL if it has not ended `patience` later; without
    /// one, after as long as it is configured to get.
    ///
    /// # Errors
    /// There is none, or it does not end.
    pub async fn stop(&self, container: &str, patience: Option<Duration>) -> Answer<()> {
        let options = patience.map(|patience| {
            let seconds = i32::try_from(patience.as_secs()).unwrap_or(i32::MAX);
            StopContainerOptionsBuilder::default().t(seconds).build()
        });
        let answer = self.client.docker.stop_container(container, options);
        let limit = patience.unwrap_or(DEED * 10) + DEED;
        self.within("stop the container", limit, answer).await
    }

    /// Sends a signal, by its name, to a container's first process.
    ///
    /// # Errors
    /// It is not running.
    pub async fn kill(&self, container: &str, signal: &str) -> Answer<()> {
        let options = KillContainerOptionsBuilder::default()
            .signal(signal)
            .build();
        let answer = self.client.docker.kill_container(container, Some(options));
        self.within("signal the container", DEED, answer).await
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// The name is taken (409), or there is no such container.
    pub async fn rename(&self, container: &str, name: &str) -> Answer<()> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        let answer = self.client.docker.rename_container(container, options);
        self.within("rename the container", DEED, answer).await
    }

    /// Removes a container, whether it runs or not. `volumes`: its anonymous volumes as well, for
    /// containers that nobody has put anything into. That it is gone already is no error.
    ///
    /// # Errors
    /// It cannot be removed.
    pub async fn remove(&self, container: &str, volumes: bool) -> Answer<()> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(volumes)
            .build();
        let answer = self
            .client
            .docker
            .remove_container(container, Some(options));
        match self.within("remove the container", DEED, answer).await {
            Err(LifecycleError::Missing { .. }) => Ok(()),
            done => done,
        }
    }

    /// Waits for a container's end; its exit status.
    ///
    /// # Errors
    /// There is none, the engine went away, or it took longer than `limit`.
    pub async fn ended(&self, container: &str, limit: Duration) -> Answer<i64> {
        let options = None::<bollard::query_parameters::WaitContainerOptions>;
        let mut answers = Box::pin(self.client.docker.wait_container(container, options));
        let first = async {
            match answers.next().await {
                Some(Ok(answer)) => Ok(answer.status_code),
                // bollard takes an exit status other than 0 for an error of its own.
                Some(Err(BollardError::DockerContainerWaitError { code, .. })) => Ok(code),
                Some(Err(error)) => Err(error),
                None => Err(BollardError::RequestTimeoutError),
            }
        };
        self.within("see the container end", limit, first).await
    }

    /// Runs a command in a running container, to its end.
    ///
    /// # Errors
    /// The container does not run, the runtime cannot enter it, or the command took longer than
    /// `limit`; it goes on then.
    pub async fn execute(
        &self,
        container: &str,
        words: &[String],
        limit: Duration,
    ) -> Answer<Executed> {
        let config = ExecConfig {
            cmd: Some(words.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let docker = &self.client.docker;
        let whole = async {
            let made = docker.create_exec(container, config).await?;
            let mut output = Vec::new();
            if let StartExecResults::Attached {
                output: mut stream, ..
            } = docker.start_exec(&made.id, None).await?
            {
                while let Some(piece) = stream.next().await {
                    keep(&mut output, piece?);
                }
            }
            let status = docker.inspect_exec(&made.id).await?.exit_code;
            Ok(Executed {
                status,
                output: String::from_utf8_lossy(&output).into_owned(),
            })
        };
        self.within("run the command in the container", limit, whole)
            .await
    }

    /// The last lines that a container wrote.
    ///
    /// # Errors
    /// There is no such container, or its log driver keeps nothing that could be read.
    pub async fn last_words(&self, container: &str, lines: u32) -> Answer<String> {
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail(&lines.to_string())
            .build();
        let mut pieces = Box::pin(self.client.docker.logs(container, Some(options)));
        let whole = async {
            let mut output = Vec::new();
            while let Some(piece) = pieces.next().await {
                keep(&mut output, piece?);
            }
            Ok(String::from_utf8_lossy(&output).into_owned())
        };
        self.within("tell what the container wrote", QUESTION, whole)
            .await
    }

    /// What a container is going to write, and with `stdin` a way to write to it. To be asked for
    /// before it is started, so that nothing is missed.
    ///
    /// # Errors
    /// There is no such container.
    pub async fn attach(&self, container: &str, stdin: bool) -> Answer<Attached> {
        let options = AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdout(true)
            .stderr(true)
            .stdin(stdin)
            .build();
        let answer = self
            .client
            .docker
            .attach_container(container, Some(options));
        let attached = self.within("attach to the container", DEED, answer).await?;
        let output = attached.output.filter_map(async |piece| match piece {
            Ok(LogOutput::StdErr { message }) => Some(Written::Error(message.to_vec())),
            Ok(piece) => Some(Written::Output(piece.into_bytes().to_vec())),
            Err(error) => {
                tracing::debug!(%error, "what a container writes is heard no longer");
                None
            }
        });
        Ok(Attached {
            output: Box::pin(output),
            input: attached.input,
        })
    }

    async fn within<T>(
        &self,
        deed: &'static str,
        limit: Duration,
        answer: impl Future<Output = Result<T, BollardError>>,
    ) -> Answer<T> {
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.refusal(&error)),
            Err(_) => Err(LifecycleError::Late {
                deed,
                seconds: limit.as_secs(),
            }),
        }
    }

    fn refusal(&self, error: &BollardError) -> LifecycleError {
        match error {
            BollardError::DockerResponseServerError {
                status_code: 404,
                message,
            } => LifecycleError::Missing {
                said: message.trim().to_owned(),
            },
            BollardError::DockerResponseServerError {
                status_code,
                message,
            } => LifecycleError::Refused {
                status: *status_code,
                said: message.trim().to_owned(),
            },
            other => told(&self.client.path, self.client.limit, other).into(),
        }
    }
}

/// A name becomes part of the request's path, so what no container can be called is not asked for.
fn named(container: &str) -> Answer<()> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    if container.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && container.chars().all(fits)
    {
        return Ok(());
    }
    Err(LifecycleError::Missing {
        said: format!("no container can be called {container:?}"),
    })
}

/// Adds a piece of output, as far as there is room.
fn keep(output: &mut Vec<u8>, piece: LogOutput) {
    let bytes = piece.into_bytes();
    let room = MOST_OUTPUT.saturating_sub(output.len());
    output.extend(bytes.iter().take(room));
}
