//! Detaching an earlier run's program, and knowing that it is detached.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use aya::programs::{ProgramInfo, loaded_programs};

use super::pins;

/// How long the kernel may take; it frees a link after a grace period, some ten milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// Removes a program and its link from the pins of these runs, and waits until the kernel has let
/// go of it: it goes on for a while after its last pin has gone.
pub(super) fn detach(runs: &[PathBuf], name: &str) {
    for run in runs {
        let pin = run.join(name);
        let id = ProgramInfo::from_pin(&pin).map(|info| info.id()).ok();
        let _ = fs::remove_file(run.join(format!("{name}_link")));
        let _ = fs::remove_file(&pin);
        let begin = Instant::now();
        while let Some(id) = id
            && loaded_programs().flatten().any(|info| info.id() == id)
        {
            if begin.elapsed() > PATIENCE {
                tracing::warn!(program = name, "an earlier run's program is slow to go");
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Detaches all programs of these runs.
pub(super) fn detach_all(runs: &[PathBuf]) {
    for run in runs {
        for program in pins::programs_in(run) {
            detach(std::slice::from_ref(run), &program);
        }
    }
}
