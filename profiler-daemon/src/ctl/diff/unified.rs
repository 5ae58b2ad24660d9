//! Two profiles as texts, for `patch` and for eyes that are used to it. What they do is for the table.

use similar::TextDiff;

use crate::{
    ctl::{
        convert::written, exit::Failure, operand::Operand, profile_args::WrittenDialect,
        terminal::Terminal,
    },
    seccomp::dialects::{docker::resolve::Circumstances, printed::Leaning},
};

/// The difference of both in Docker's dialect, sorted as `export` writes it; empty if there is none.
///
/// # Errors
/// One of them is a filter, which has no rules to write down.
pub(super) fn unified(
    [before, after]: [&Operand; 2],
    circumstances: &Circumstances,
    terminal: &Terminal,
) -> Result<String, Failure> {
    let text = |operand: &Operand| {
        let written = written(
            operand,
            circumstances,
            WrittenDialect::Docker,
            Leaning::Stricter,
            terminal,
        )?;
        Ok::<_, Failure>(String::from_utf8_lossy(&written).into_owned())
    };
    let (old, new) = (text(before)?, text(after)?);
    let diff = TextDiff::from_lines(&old, &new);
    Ok(diff
        .unified_diff()
        .header(&before.title, &after.title)
        .to_string())
}
