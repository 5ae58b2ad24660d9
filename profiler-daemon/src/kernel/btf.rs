//! A small reader of BTF: at which byte of a structure a member lies.
//!
//! Pure: bytes in, offsets out. It knows structures, unions, typedefs and qualifiers,
//! and nothing else.
//! Format: <https://docs.kernel.org/bpf/btf.html>

use std::collections::HashMap;

use thiserror::Error;

const MAGIC: u16 = 0xeb9f;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;

/// BTF that cannot be read, or that lacks what was asked for.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BtfError {
    /// Not BTF, or cut off.
    #[error("not valid BTF: {0}")]
    Malformed(&'static str),
    /// The kernel has no such structure or member.
    #[error("this kernel's BTF has no {0}")]
    Missing(String),
}

struct Member {
    name: u32,
    type_id: u32,
    bit_offset: u32,
}

/// The types of a kernel, as far as they have members.
pub(super) struct Btf<'a> {
    strings: &'a [u8],
    /// By type id: members of structures and unions, what a typedef or qualifier stands for.
    types: Vec<Type>,
    by_name: HashMap<&'a [u8], u32>,
}

enum Type {
    Members(Vec<Member>),
    Alias(u32),
    Other,
}

fn u16_at(data: &[u8], at: usize) -> Result<u16, BtfError> {
    data.get(at..at + 2)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u16::from_le_bytes)
        .ok_or(BtfError::Malformed("cut off"))
}

fn u32_at(data: &[u8], at: usize) -> Result<u32, BtfError> {
    data.get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or(BtfError::Malformed("cut off"))
}

impl<'a> Btf<'a> {
    /// Reads little-endian BTF.
    ///
    /// # Errors
    /// The bytes are not BTF.
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, BtfError> {
        if u16_at(data, 0)? != MAGIC {
            return Err(BtfError::Malformed("wrong magic number"));
        }
        let header = u32_at(data, 4)? as usize;
        let [type_off, type_len, str_off, str_len] = [
            u32_at(data, 8)? as usize,
            u32_at(data, 12)? as usize,
            u32_at(data, 16)? as usize,
            u32_at(data, 20)? as usize,
        ];
        let section = |offset: usize, len: usize| {
            data.get(header + offset..header + offset + len)
                .ok_or(BtfError::Malformed("a section lies outside"))
        };
        let strings = section(str_off, str_len)?;
        let types_section = section(type_off, type_len)?;
        let mut btf = Self {
            strings,
            types: vec![Type::Other],
            by_name: HashMap::new(),
        };
        let mut at = 0;
        while at < types_section.len() {
            at = btf.read_type(types_section, at)?;
        }
        Ok(btf)
    }

    /// Reads the type at `at`; returns where the next one begins.
    fn read_type(&mut self, section: &[u8], at: usize) -> Result<usize, BtfError> {
        let name = u32_at(section, at)?;
        let info = u32_at(section, at + 4)?;
        let size_or_type = u32_at(section, at + 8)?;
        let kind = (info >> 24) & 0x1f;
        let count = (info & 0xffff) as usize;
        let bitfields = info >> 31 != 0;
        let body = at + 12;
        let id = self.types.len() as u32;
        let (entry, len) = match kind {
            KIND_STRUCT | KIND_UNION => {
                let mut members = Vec::with_capacity(count);
                for n in 0..count {
                    let member = body + n * 12;
                    let offset = u32_at(section, member + 8)?;
                    members.push(Member {
                        name: u32_at(section, member)?,
                        type_id: u32_at(section, member + 4)?,
                        bit_offset: if bitfields {
                            offset & 0x00ff_ffff
                        } else {
                            offset
                        },
                    });
                }
                let name = self.string(name);
                if !name.is_empty() {
                    self.by_name.entry(name).or_insert(id);
                }
                (Type::Members(members), count * 12)
            }
            // typedef, volatile, const, restrict, type tag
            8..=11 | 18 => (Type::Alias(size_or_type), 0),
            // int, var, decl tag
            1 | 14 | 17 => (Type::Other, 4),
            // pointer, forward, function, float
            2 | 7 | 12 | 16 => (Type::Other, 0),
            // array
            3 => (Type::Other, 12),
            // enum, function prototype
            6 | 13 => (Type::Other, count * 8),
            // data section, 64-bit enum
            15 | 19 => (Type::Other, count * 12),
            _ => return Err(BtfError::Malformed("an unknown kind of type")),
        };
        self.types.push(entry);
        Ok(body + len)
    }

    fn string(&self, offset: u32) -> &'a [u8] {
        let rest = self.strings.get(offset as usize..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn members(&self, mut id: u32) -> Option<&[Member]> {
        // Qualifiers nest a few deep at most; BTF made to loop must not hang us.
        for _ in 0..32 {
            match self.types.get(id as usize)? {
                Type::Members(members) => return Some(members),
                Type::Alias(target) => id = *target,
                Type::Other => return None,
            }
        }
        None
    }

    /// The member's offset in bits, and its type; looks into unnamed structures and unions.
    fn find(&self, id: u32, name: &[u8], depth: u32) -> Option<(u32, u32)> {
        let members = self.members(id)?;
        for member in members {
            let own = self.string(member.name);
            if own == name {
                return Some((member.bit_offset, member.type_id));
            }
            if own.is_empty()
                && depth < 8
                && let Some((inner, type_id)) = self.find(member.type_id, name, depth + 1)
            {
                return Some((member.bit_offset + inner, type_id));
            }
        }
        None
    }

    /// Byte offset of `path` (`a.b` is two names) in the structure `structure`.
    ///
    /// # Errors
    /// There is no such structure or member, or it does not begin at a byte.
    pub(super) fn offset(&self, structure: &str, path: &[&str]) -> Result<u32, BtfError> {
        let missing = || BtfError::Missing(format!("{structure}.{}", path.join(".")));
        let mut id = *self
            .by_name
            .get(structure.as_bytes())
            .ok_or_else(|| BtfError::Missing(format!("struct {structure}")))?;
        let mut bits = 0;
        for name in path {
            let (offset, type_id) = self.find(id, name.as_bytes(), 0).ok_or_else(missing)?;
            bits += offset;
            id = type_id;
        }
        if bits % 8 == 0 {
            Ok(bits / 8)
        } else {
            Err(missing())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Btf, BtfError};

    /// struct inner { int a; int b; }; struct outer { int x; union { struct inner in; }; };
    fn sample() -> Vec<u8> {
        let strings = b"\0int\0inner\0a\0b\0outer\0x\0in\0";
        let name = |text: &str| {
            let needle = [b"\0", text.as_bytes(), b"\0"].concat();
            (strings
                .windows(needle.len())
                .position(|w| w == needle)
                .unwrap()
                + 1) as u32
        };
        let mut types: Vec<u32> = Vec::new();
        types.extend([name("int"), 1 << 24, 4, 32]);
        types.extend([name("inner"), 4 << 24 | 2, 8]);
        types.extend([name("a"), 1, 0, name("b"), 1, 32]);
        types.extend([0, 5 << 24 | 1, 8, name("in"), 2, 0]);
        types.extend([name("outer"), 4 << 24 | 2, 12]);
        types.extend([name("x"), 1, 0, 0, 3, 32]);
        let body: Vec<u8> = types.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut data = Vec::new();
        data.extend(0xeb9f_u16.to_le_bytes());
        data.extend([1, 0]);
        for word in [
            24,
            0,
            body.len() as u32,
            body.len() as u32,
            strings.len() as u32,
        ] {
            data.extend(word.to_le_bytes());
        }
        data.extend(body);
        data.extend(strings);
        data
    }

    #[test]
    fn finds_members_through_unnamed_unions_and_nested_structures() {
        let data = sample();
        let btf = Btf::parse(&data).unwrap();
        assert_eq!(btf.offset("outer", &["x"]), Ok(0));
        assert_eq!(btf.offset("outer", &["in"]), Ok(4));
        assert_eq!(btf.offset("outer", &["in", "b"]), Ok(8));
    }

    #[test]
    fn names_what_is_missing() {
        let data = sample();
        let btf = Btf::parse(&data).unwrap();
        assert_eq!(
            btf.offset("outer", &["in", "c"]),
            Err(BtfError::Missing("outer.in.c".into()))
        );
        assert_eq!(
            btf.offset("none", &["x"]),
            Err(BtfError::Missing("struct none".into()))
        );
    }

    #[test]
    fn refuses_what_is_not_btf() {
        let data = sample();
        for end in 0..data.len() {
            if let Some(cut) = data.get(..end) {
                let _ = Btf::parse(cut);
            }
        }
        assert!(Btf::parse(b"ELF").is_err());
        assert!(Btf::parse(&data[..30]).is_err());
    }

    #[test]
    fn reads_this_kernels_btf() {
        let Ok(data) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            println!("SKIPPED: this kernel has no BTF");
            return;
        };
        let btf = Btf::parse(&data).unwrap();
        assert_eq!(btf.offset("pt_regs", &["di"]), Ok(112));
        assert!(
            btf.offset("task_struct", &["thread_info", "status"])
                .is_ok()
        );
    }
}
