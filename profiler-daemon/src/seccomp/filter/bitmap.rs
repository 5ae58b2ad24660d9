//! Which calls the kernel answers without running a filter at all.
//!
//! When a filter is installed the kernel (since 5.11) runs it once for each number of the machine's
//! architectures with a small interpreter that knows nothing but the number and the architecture.
//! Where that ends in "allow" the call is let through from a bitmap from then on. x32 has none.

use crate::seccomp::{
    action::Action,
    arch::Arch,
    filter::program::{Program, code},
};

/// True if the kernel lets a call through without asking the filter. Source: kernel/seccomp.c,
/// `seccomp_is_const_allow`.
#[must_use]
pub fn covers(program: &Program, arch: Arch, nr: u32) -> bool {
    if arch == Arch::X32 {
        return false;
    }
    let instructions = program.instructions();
    let mut a = 0_u32;
    let mut at = 0;
    while let Some(instruction) = instructions.get(at) {
        let k = instruction.k;
        let jump = |holds: bool| {
            usize::from(if holds {
                instruction.jt
            } else {
                instruction.jf
            })
        };
        at += 1;
        match instruction.code {
            code::LD_ABS if k == 0 => a = nr,
            code::LD_ABS if k == 4 => a = arch.audit(),
            code::RET_K => return k == Action::Allow.to_return(),
            code::JA => at += k as usize,
            code::JEQ_K => at += jump(a == k),
            code::JGE_K => at += jump(a >= k),
            code::JGT_K => at += jump(a > k),
            code::JSET_K => at += jump(a & k != 0),
            code::AND_K => a &= k,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Arch, covers};
    use crate::seccomp::{
        diagram::Diagrams,
        dialects::docker::{
            docker_default,
            resolve::{Circumstances, Resolved, resolve},
        },
        filter::compile::compile,
        meaning::exact,
        summary::{Standing, standing},
    };

    #[test]
    fn whatever_is_always_allowed_is_allowed_without_the_filter() {
        let usual = Circumstances::usual(Arch::X86_64, (6, 18));
        let Ok(Resolved::Filter(filter)) = resolve(&docker_default(), &usual) else {
            panic!("the default is a filter");
        };
        let mut diagrams = Diagrams::new();
        let root = exact::diagram(&mut diagrams, &filter.policy).unwrap();
        let program = compile(&diagrams, root).unwrap();
        for arch in [Arch::X86_64, Arch::X86] {
            for (nr, name) in arch.syscalls() {
                let node = diagrams.select_call(root, arch, nr);
                let always = standing(&mut diagrams, node)
                    == Ok(Standing::Always(crate::seccomp::action::Action::Allow));
                assert_eq!(covers(&program, arch, nr), always, "{arch:?} {name}");
            }
        }
    }
}
