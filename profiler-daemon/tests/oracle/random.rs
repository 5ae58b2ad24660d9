//! Random numbers that are the same at every run, and numbers near the places where compilers of filters go wrong.

/// xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than `end`, which is small.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len() as u64) as usize]
    }

    /// A number around 0, 2^31, 2^32, 2^63 or 2^64.
    pub(crate) fn boundary(&mut self) -> u64 {
        let around: u64 = self.one_of(&[0, 0, 1 << 31, 1 << 32, 1 << 32, 1 << 33, 1 << 63]);
        around.wrapping_add(self.below(7)).wrapping_sub(3)
    }
}
