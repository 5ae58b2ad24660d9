//! What the recording costs a system call, as `cargo xtask bench` prints it.
//!
//! Every variant is measured in one run, turn by turn, and the least of all rounds counts: what
//! else the machine does can only add to it. The figures are ratios within the run.

#![allow(clippy::print_stdout, reason = "the table is what this is for")]

mod crowd;
mod loop_of_calls;
mod neighbours;
mod table;
mod variant;

use anyhow::{Context, Result, bail};

use self::{crowd::Crowd, table::Table, variant::Variant};

/// How many cgroups the second part knows.
const MANY: usize = 4000;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        // Under strace: the child measures itself.
        ["measure", calls] => {
            println!("{}", loop_of_calls::least(calls.parse()?, 2));
            Ok(())
        }
        [] => compare(6),
        ["--rounds", rounds] => compare(rounds.parse().context("--rounds wants a number")?),
        _ => bail!("usage: overhead [--rounds N]"),
    }
}

fn compare(rounds: u32) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("loading kernel programs needs root");
    }
    let mut table = Table::new();
    for cgroups in [1, MANY] {
        let crowd = Crowd::make(cgroups)?;
        for round in 1..=rounds {
            eprintln!("overhead: {cgroups} cgroups, round {round} of {rounds}");
            for variant in Variant::ALL {
                let disturbed = neighbours::wait_until_gone(variant)?;
                let ns = variant.measure(&crowd)?;
                table.add(variant, cgroups, ns, disturbed);
            }
        }
    }
    table.print(rounds);
    Ok(())
}
