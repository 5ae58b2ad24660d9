//! Programs of classic BPF as bytes and as text: what the kernel is handed, and how tools print it.
//!
//! What instructions mean, and whether the kernel takes them, is not looked at here.

use std::fmt::Write as _;

use crate::seccomp::{
    dialects::text::{Line, lines},
    filter::program::{Instruction, MAX_INSTRUCTIONS},
    finding::{Findings, Reading},
};

/// Reads the kernel's own form: 8 bytes an instruction, in this machine's byte order.
#[must_use]
pub fn read_bytes(bytes: &[u8]) -> Reading<Vec<Instruction>> {
    let mut findings = Findings::default();
    let (whole, rest) = bytes.as_chunks::<{ Instruction::BYTES }>();
    if !rest.is_empty() {
        findings.error(
            None,
            "cut-off",
            format!(
                "{} bytes are no whole number of instructions of {} bytes each",
                bytes.len(),
                Instruction::BYTES
            ),
            "give the whole program",
        );
    }
    check_length(whole.len(), &mut findings);
    let program = whole
        .iter()
        .take(MAX_INSTRUCTIONS)
        .copied()
        .map(Instruction::from_bytes)
        .collect();
    findings.reading(program)
}

/// Reads a text: `count,code jt jf k,…` on one line (`bpf_dbg`, xt_bpf), the same one instruction a
/// line with or without the count before (`tcpdump -ddd`), or the initialisers of a C array (`{ 0x20, 0, 0,
/// 0x00000004 },`, `tcpdump -dd`).
#[must_use]
pub fn read_text(text: &[u8]) -> Reading<Vec<Instruction>> {
    let mut findings = Findings::default();
    let lines = lines(text, &mut findings);
    let program = if lines.iter().any(|line| line.text.contains('{')) {
        read_array(&lines, &mut findings)
    } else {
        read_decimal(&lines, &mut findings)
    };
    check_length(program.len(), &mut findings);
    findings.reading(program)
}

fn check_length(length: usize, findings: &mut Findings) {
    // Of a text that can't be read, what is wrong was told.
    if length == 0 && !findings.failed() {
        findings.error(
            None,
            "empty-program",
            "there is no instruction, and the kernel takes no empty program",
            "",
        );
    }
    if length > MAX_INSTRUCTIONS {
        findings.error(
            None,
            "program-too-long",
            format!(
                "{length} instructions are more than the {MAX_INSTRUCTIONS} that the kernel takes"
            ),
            "",
        );
    }
}

fn read_decimal(lines: &[Line<'_>], findings: &mut Findings) -> Vec<Instruction> {
    let mut program = Vec::new();
    let mut announced = None;
    let pieces = lines
        .iter()
        .flat_map(|line| line.text.split(',').map(move |piece| (*line, piece.trim())))
        .filter(|(_, piece)| !piece.is_empty());
    for (at, (line, piece)) in pieces.enumerate() {
        if at == 0
            && let Ok(count) = piece.parse::<usize>()
        {
            announced = Some(count);
            continue;
        }
        push(
            piece.split_ascii_whitespace(),
            piece,
            line,
            &mut program,
            findings,
        );
    }
    if let Some(count) = announced
        && count != program.len()
    {
        findings.error(
            None,
            "wrong-count",
            format!(
                "the text announces {count} instructions and has {}",
                program.len()
            ),
            "give the whole program",
        );
    }
    program
}

fn read_array(lines: &[Line<'_>], findings: &mut Findings) -> Vec<Instruction> {
    let mut program = Vec::new();
    for line in lines {
        for piece in line.text.split('{').skip(1) {
            // What opens the array itself holds nothing on its line.
            if piece.trim().is_empty() {
                continue;
            }
            match piece.split_once('}') {
                Some((inside, _)) => {
                    push(inside.split(','), inside, *line, &mut program, findings);
                }
                None => report(piece, *line, findings),
            }
        }
    }
    program
}

fn push<'a>(
    parts: impl Iterator<Item = &'a str>,
    piece: &str,
    line: Line<'_>,
    program: &mut Vec<Instruction>,
    findings: &mut Findings,
) {
    match instruction(parts.map(str::trim).filter(|part| !part.is_empty())) {
        Some(raw) => program.push(raw),
        None => report(piece, line, findings),
    }
}

fn report(piece: &str, line: Line<'_>, findings: &mut Findings) {
    findings.error(
        line.place(piece),
        "bad-instruction",
        "this is no instruction: four numbers, of 16, 8, 8 and 32 bits",
        "write code, jt, jf and k",
    );
}

fn instruction<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<Instruction> {
    let mut next = || number(parts.next()?);
    let instruction = Instruction {
        code: u16::try_from(next()?).ok()?,
        jt: u8::try_from(next()?).ok()?,
        jf: u8::try_from(next()?).ok()?,
        k: next()?,
    };
    parts.next().is_none().then_some(instruction)
}

fn number(text: &str) -> Option<u32> {
    if text.starts_with('+') {
        return None;
    }
    match text.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}

/// The text of `bpf_dbg` and xt_bpf: the count and all instructions on one line.
#[must_use]
pub fn print_decimal(program: &[Instruction]) -> String {
    let mut text = program.len().to_string();
    for Instruction { code, jt, jf, k } in program {
        // Writing to a String can't fail.
        let _ = write!(text, ",{code} {jt} {jf} {k}");
    }
    text.push('\n');
    text
}

/// The initialisers of a C array of `struct sock_filter`, one a line.
#[must_use]
pub fn print_array(program: &[Instruction]) -> String {
    let mut text = String::new();
    for Instruction { code, jt, jf, k } in program {
        let _ = writeln!(text, "{{ {code:#04x}, {jt}, {jf}, {k:#010x} }},");
    }
    text
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
