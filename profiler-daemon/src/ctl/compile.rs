//! `profilectl compile`: a profile as a filter for the kernel, proven to mean the same.

use super::{
    circumstances::{circumstances, meaning},
    delivery::deliver_bytes,
    exit::{ExitStatus, Failure},
    operand::{Operand, load},
    printable::wrapped,
    profile_args::{CompileArgs, FilterFormat},
    table::WIDTH,
    terminal::Terminal,
    wording::counted,
};
use crate::{
    api::client::Client,
    seccomp::{
        diagram::{Diagrams, Node},
        dialects::raw,
        filter::{compile, disassemble::disassemble, program::Program, symbolic},
    },
};

pub(super) async fn run(
    args: &CompileArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let meaning = meaning(args.meaning, &args.host)?;
    let operand = load(&args.profile, client, circumstances.arch).await?;
    operand.warn(terminal);
    let mut diagrams = Diagrams::new();
    let root = operand.diagram(&mut diagrams, &circumstances, meaning)?;
    let program = proven(&mut diagrams, root, &operand)?;
    deliver_bytes(
        &rendered(&program, args.format),
        args.output.as_deref(),
        terminal,
    )?;
    let count = program.instructions().len() as u64;
    let remark = format!(
        "{}: {}, proven to do with every call what the profile says",
        operand.title,
        counted(count, "instruction", "instructions")
    );
    terminal.remark(&wrapped(&remark, 2, WIDTH));
    Ok(ExitStatus::Done)
}

/// A program that was read back and found to mean what it was made from, call for call.
pub(super) fn proven(
    diagrams: &mut Diagrams,
    root: Node,
    operand: &Operand,
) -> Result<Program, Failure> {
    let bad = |message: String| {
        Failure::new(
            ExitStatus::BadInput,
            format!("{}: {message}", operand.title),
        )
    };
    let program = compile::compile(diagrams, root).map_err(|error| {
        bad(format!(
            "it does not fit into a filter: {error}; leave out calls or conditions"
        ))
    })?;
    match symbolic::diagram(diagrams, &program) {
        Ok(again) if again == root => Ok(program),
        _ => Err(Failure::new(
            ExitStatus::Unreachable,
            format!(
                "{}: the compiled filter does not mean what the profile means; this is a defect \
                 of profilectl, and nothing was written",
                operand.title
            ),
        )),
    }
}

/// A program in a form.
pub(super) fn rendered(program: &Program, format: FilterFormat) -> Vec<u8> {
    match format {
        FilterFormat::Text => disassemble(program).into_bytes(),
        FilterFormat::Cbpf => program.to_bytes(),
        FilterFormat::C => raw::print_array(program.instructions()).into_bytes(),
        FilterFormat::Decimal => raw::print_decimal(program.instructions()).into_bytes(),
    }
}
