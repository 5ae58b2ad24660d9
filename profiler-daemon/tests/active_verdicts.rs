//! The active profile is what the kernel does: for twelve containers with different profiles, the product's answer to
//! every number of every ABI is that of the filters that are attached to the container's process, read by a tracer and
//! run by the kernel, and that which a program in the container gets.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

#[path = "active_verdicts/attached.rs"]
mod attached;
#[path = "active_verdicts/containers.rs"]
mod containers;
mod kernel_oracle;
#[path = "active_verdicts/live.rs"]
mod live;
mod oracle;
#[path = "loaded_filter/profiles.rs"]
mod profiles;
#[path = "active_verdicts/questions.rs"]
mod questions;
#[allow(
    unreachable_pub,
    reason = "a module of helpers, the same in every test file"
)]
mod testbed;

use std::{collections::BTreeMap, time::Duration};

use kernel_oracle::{Call, Gate, Instruction, answers};
use live::{Came, foretold};
use profiler_daemon::{
    api::client::Client,
    audit::active::Active,
    seccomp::{
        action::Action,
        diagram::{Diagrams, Node},
        filter::{
            evaluate::{CallData, verdict},
            program::{Instruction as Word, Program},
            symbolic,
        },
    },
};
use testbed::{Daemon, eventually};

/// What the daemon's API says is in force for a container, once it has as many filters.
fn active(daemon: &Daemon, container: &str, filters: usize) -> Active {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = Client::new(daemon.socket());
    let what = format!("{filters} filters of {container}");
    eventually(&what, Duration::from_secs(20), || {
        let active = runtime.block_on(client.active(container, false)).ok()?;
        (active.layers.len() == filters).then_some(active)
    })
}

/// Its filters, the oldest first.
fn copies(active: &Active) -> Vec<Vec<Instruction>> {
    let layers = active.layers.iter().rev();
    layers
        .map(|layer| layer.instructions.clone().expect("a copy"))
        .collect()
}

/// What the product makes of filters that are in force together.
struct Product {
    newest_first: Vec<Program>,
    diagrams: Diagrams,
    root: Node,
}

impl Product {
    fn of(oldest_first: &[Vec<Instruction>]) -> Self {
        let newest_first: Vec<Program> = oldest_first
            .iter()
            .rev()
            .map(|filter| {
                let words = filter.iter();
                let words = words.map(|&(code, jt, jf, k)| Word { code, jt, jf, k });
                Program::new(words.collect()).expect("a filter")
            })
            .collect();
        let mut diagrams = Diagrams::new();
        let mut root = diagrams.answer(Action::Allow);
        for program in newest_first.iter().rev() {
            let one = symbolic::diagram(&mut diagrams, program).expect("no maze");
            root = diagrams.stack(one, root).expect("no maze");
        }
        Self {
            newest_first,
            diagrams,
            root,
        }
    }

    /// The answer to a call, found in both ways that the product has.
    fn answer(&self, call: &Call) -> Action {
        let data = CallData {
            nr: call.nr,
            arch: questions::audit(call.gate),
            instruction_pointer: 0,
            args: call.args,
        };
        let run = verdict(&self.newest_first, &data);
        let read = self.diagrams.answer_to(self.root, &data);
        assert_eq!(run, read, "the filters run, and their diagram: {call:x?}");
        run
    }
}

/// What the kernel makes of the filters' answers to one call, the oldest filter's first. Source: kernel/seccomp.c,
/// `seccomp_run_filters`: from the newest to the oldest, and a stricter answer displaces one.
fn strictest(answers: impl DoubleEndedIterator<Item = u32>) -> u32 {
    let action = |answer: u32| (answer & 0xffff_0000).cast_signed();
    answers.rev().fold(0x7fff_0000, |held, answer| {
        if action(answer) < action(held) {
            answer
        } else {
            held
        }
    })
}

/// Asks the kernel and the product; how many questions that were.
fn compare_with_kernel(title: &str, attached: &[Vec<Instruction>], product: &Product) -> usize {
    let questions = questions::all(attached);
    let by_filter: Vec<Vec<u32>> = attached
        .iter()
        .map(|filter| answers(filter, &questions))
        .collect();
    for (place, call) in questions.iter().enumerate() {
        let kernel = strictest(by_filter.iter().map(|answers| answers[place]));
        assert_eq!(
            product.answer(call),
            Action::from_return(kernel),
            "{title}: {call:x?}, the product and the kernel, which returned {kernel:#x}"
        );
    }
    questions.len()
}

/// Holds what came of the calls against what the product says; how many different answers there were.
fn compare_with_life(title: &str, came: &[Came], bare: &[Came], product: &Product) {
    let mut answers: BTreeMap<Action, usize> = BTreeMap::new();
    for ((call, came), bare) in live::calls().iter().zip(came).zip(bare) {
        let answer = product.answer(call);
        assert_eq!(
            *came,
            foretold(answer, *bare),
            "{title}: {call:x?} is answered {answer}, and without a filter {bare} comes of it"
        );
        *answers.entry(answer).or_default() += 1;
    }
    println!("{title}: live calls by answer {answers:?}");
}

/// What `profilectl eval active:C` says of a call.
fn eval(daemon: &Daemon, container: &str, call: &Call) -> String {
    let abi = match call.gate {
        Gate::Int80 => "i386",
        Gate::Syscall if call.nr & 0x4000_0000 != 0 => "x32",
        Gate::Syscall => "x86_64",
    };
    let mut words = vec![
        "eval".to_owned(),
        format!("active:{container}"),
        format!("{abi}:{}", call.nr & !0x4000_0000),
    ];
    words.extend(call.args.map(|arg| arg.to_string()));
    words.extend(["--format", "json"].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = daemon.ctl(&words);
    let value: serde_json::Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}; {ended}", words.join(" ")));
    value["answer"].as_str().expect("an answer").to_owned()
}
