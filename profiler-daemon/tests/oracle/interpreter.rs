//! An interpreter of seccomp programs, written for being plainly right and independent of the one under test.

/// An instruction: code, jump if true, jump if false, constant.
pub(crate) type Instruction = (u16, u8, u8, u32);

/// What a program is given: `struct seccomp_data`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data {
    pub(crate) nr: u32,
    pub(crate) arch: u32,
    pub(crate) args: [u64; 6],
}

impl Data {
    /// The word at an offset. Source: include/uapi/linux/seccomp.h, little endian. The instruction pointer is 0.
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.nr,
            4 => self.arch,
            16..=63 => {
                let place = (offset - 16) / 4;
                let argument = self.args[place as usize / 2];
                (if place.is_multiple_of(2) {
                    argument
                } else {
                    argument >> 32
                }) as u32
            }
            _ => 0,
        }
    }
}

/// What the program returns. Panics on what the kernel would refuse.
pub(crate) fn run(program: &[Instruction], data: &Data) -> u32 {
    run_noting(program, data, |_, _| {})
}

/// The same; `note` is called for each instruction that is carried out, with its place and the accumulator before it.
pub(crate) fn run_noting(
    program: &[Instruction],
    data: &Data,
    mut note: impl FnMut(usize, u32),
) -> u32 {
    let (mut a, mut x, mut memory) = (0u32, 0u32, [0u32; 16]);
    let mut at = 0;
    loop {
        let (code, jt, jf, k) = program[at];
        note(at, a);
        at += 1;
        let mut jump = |holds: bool| at += usize::from(if holds { jt } else { jf });
        match code {
            // LD and LDX: absolute, length, immediate, memory.
            0x20 => a = data.word(k),
            0x80 => a = 64,
            0x81 => x = 64,
            0x00 => a = k,
            0x01 => x = k,
            0x60 => a = memory[k as usize],
            0x61 => x = memory[k as usize],
            // ST, STX, TAX, TXA.
            0x02 => memory[k as usize] = a,
            0x03 => memory[k as usize] = x,
            0x07 => x = a,
            0x87 => a = x,
            // ALU with the constant or X: + - * / | & << >> neg ^.
            0x04 | 0x0c => a = a.wrapping_add(if code == 0x04 { k } else { x }),
            0x14 | 0x1c => a = a.wrapping_sub(if code == 0x14 { k } else { x }),
            0x24 | 0x2c => a = a.wrapping_mul(if code == 0x24 { k } else { x }),
            0x34 => a /= k,
            0x3c if x == 0 => return 0,
            0x3c => a /= x,
            0x44 | 0x4c => a |= if code == 0x44 { k } else { x },
            0x54 | 0x5c => a &= if code == 0x54 { k } else { x },
            0x64 | 0x6c => a <<= (if code == 0x64 { k } else { x }) & 31,
            0x74 | 0x7c => a >>= (if code == 0x74 { k } else { x }) & 31,
            0x84 => a = a.wrapping_neg(),
            0xa4 | 0xac => a ^= if code == 0xa4 { k } else { x },
            // Jumps: always, equal, greater, greater or equal, any bit.
            0x05 => at += k as usize,
            0x15 | 0x1d => jump(a == if code == 0x15 { k } else { x }),
            0x25 | 0x2d => jump(a > if code == 0x25 { k } else { x }),
            0x35 | 0x3d => jump(a >= if code == 0x35 { k } else { x }),
            0x45 | 0x4d => jump(a & if code == 0x45 { k } else { x } != 0),
            0x06 => return k,
            0x16 => return a,
            _ => panic!("the kernel takes no instruction {code:#x}"),
        }
    }
}
