//! The programs pass this kernel's verifier, attach, and record a known process.
use profiler_daemon::{
    kernel::{Hooks, Kernel, Settings},
    recording::source::Source,
};

#[test]
fn loads() {
    for hooks in [Hooks::Btf, Hooks::Classic] {
        let settings = Settings {
            hooks,
            pin_dir: None,
            ..Settings::default()
        };
        match Kernel::open(&settings) {
            Ok((mut kernel, _ring)) => {
                std::process::Command::new("/bin/true").status().unwrap();
                println!("{:?}", kernel.facts());
                for id in kernel.cgroups().unwrap() {
                    println!("{:?}", kernel.snapshot(id));
                }
                println!("{:?}", kernel.losses());
            }
            Err(e) => println!(
                "{hooks:?}: {}",
                e.to_string()
                    .chars()
                    .rev()
                    .take(6000)
                    .collect::<String>()
                    .chars()
                    .rev()
                    .collect::<String>()
            ),
        }
    }
}
