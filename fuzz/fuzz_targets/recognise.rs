//! A text of an unknown dialect: recognised, and read in it and in every other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use profiler_fuzz::{
    reading,
    seccomp::{
        arch::Arch,
        dialects::{
            Dialect, Document,
            docker::{self, Indent},
            raw, read, recognise,
        },
    },
};

const DIALECTS: [Dialect; 8] = [
    Dialect::Docker,
    Dialect::Oci,
    Dialect::Lxc,
    Dialect::Systemd,
    Dialect::Mkseccomp,
    Dialect::Strace,
    Dialect::Cbpf,
    Dialect::CbpfText,
];

fuzz_target!(|text: &[u8]| {
    let recognised = recognise(text);
    for dialect in DIALECTS {
        let read = read(text, dialect, Arch::X86_64);
        reading::check(text, &read);
        if dialect == recognised {
            is_recognised_again(read.value);
        }
    }
});

/// What was read is printed so that it is recognised and says the same.
fn is_recognised_again(document: Option<Document>) {
    let (printed, dialect) = match &document {
        Some(Document::Profile(profile)) => {
            let printed = docker::print(profile, Indent::Spaces).into_bytes();
            (printed, Dialect::Docker)
        }
        Some(Document::Program(program)) => {
            let printed = raw::print_decimal(program.instructions()).into_bytes();
            (printed, Dialect::CbpfText)
        }
        Some(Document::Policy(_)) | None => return,
    };
    let again = recognise(&printed);
    // The keys of a configuration may be words of a profile, in its comments.
    if again == Dialect::Oci {
        return;
    }
    assert_eq!(again, dialect, "{}", String::from_utf8_lossy(&printed));
    assert_eq!(read(&printed, again, Arch::X86_64).value, document);
}
