//! Programs as bytes and text, both ways.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::seccomp::dialects::any_policy;

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

const PROGRAM: [Instruction; 4] = [
    instruction(0x20, 0, 0, 4),
    instruction(0x15, 0, 1, 0xc000_003e),
    instruction(0x06, 0, 0, 0x7fff_0000),
    instruction(0x06, 0, 0, 0),
];

#[test]
fn every_form_says_the_same() {
    for text in [
        "4,32 0 0 4,21 0 1 3221225534,6 0 0 2147418112,6 0 0 0,\n",
        "4\n32 0 0 4\n21 0 1 3221225534\n6 0 0 2147418112\n6 0 0 0\n",
        "32 0 0 4\n21 0 1 3221225534\n6 0 0 2147418112\n6 0 0 0",
        "{ 0x20, 0, 0, 0x00000004 },\n{ 0x15, 0, 1, 0xc000003e },\n{ 0x6, 0, 0, 0x7fff0000 },\n{ 0x6, 0, 0, 0x00000000 },\n",
        "struct sock_filter f[] = {\n{ 0x20, 0, 0, 4 }, { 21, 0, 1, 0xc000003e },\n{6,0,0,0x7fff0000},{6,0,0,0}};\n",
    ] {
        assert_eq!(
            read_text(text.as_bytes()).value.as_deref(),
            Some(&PROGRAM[..]),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_program_is_told_with_its_place() {
    for (text, code, place) in [
        ("", "empty-program", None),
        ("2,6 0 0 0\n", "wrong-count", None),
        ("6 0 0 0\n6 0 256 0\n", "bad-instruction", Some("2:1")),
        ("6 0 0 0\n6 0 0\n", "bad-instruction", Some("2:1")),
        ("1,6 0 0 4294967296\n", "bad-instruction", Some("1:3")),
        ("{ 6, 0, 0, 0, 0 }", "bad-instruction", Some("1:2")),
        ("{ 6, 0, 0", "bad-instruction", Some("1:2")),
        ("+6 0 0 0", "bad-instruction", Some("1:1")),
        ("6 0 0 \0", "nul-byte", Some("1:7")),
    ] {
        let reading = read_text(text.as_bytes());
        assert_eq!(reading.value, None, "{text}");
        let finding = reading.findings.iter().find(|finding| finding.code == code);
        let finding = finding.unwrap_or_else(|| panic!("{text}: {:?}", reading.findings));
        assert_eq!(
            finding.place.map(|place| place.to_string()).as_deref(),
            place,
            "{text}"
        );
    }
    assert_eq!(read_bytes(&[0; 12]).value, None);
    assert_eq!(read_bytes(&[]).value, None);
    let long = vec![0; (MAX_INSTRUCTIONS + 1) * 8];
    assert_eq!(read_bytes(&long).findings[0].code, "program-too-long");
    assert!(read_bytes(&long[8..]).value.is_some());
}

proptest! {
    #[test]
    fn programs_read_back(program in vec(any::<[u8; Instruction::BYTES]>(), 1..40)) {
        let bytes = program.concat();
        let program: Vec<_> = program.into_iter().map(Instruction::from_bytes).collect();
        prop_assert_eq!(&read_bytes(&bytes).value.unwrap(), &program);
        prop_assert!(program.iter().flat_map(|one| one.to_bytes()).eq(bytes));
        for text in [print_decimal(&program), print_array(&program)] {
            prop_assert_eq!(&read_text(text.as_bytes()).value.unwrap(), &program);
        }
    }

    #[test]
    fn anything_is_read_to_a_value_or_an_error(
        text in any_policy::text(&["6 0 0 0", ",", "{ 6, 0, 0, 0 }", "{", "}", "2"]),
    ) {
        prop_assert!(any_policy::is_sound(&read_text(&text)));
        prop_assert!(any_policy::is_sound(&read_bytes(&text)));
    }
}
