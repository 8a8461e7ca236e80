//! The one source of chance: seeded, so that the same data gives the same figure.

/// A small generator with a fixed sequence: G. Steele et al., *Fast splittable pseudorandom number
/// generators*, OOPSLA 2014.
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a place below `count`; its bias is below `count / 2⁶⁴`.
    #[expect(clippy::cast_possible_truncation, reason = "the high half of a product is below `count`")]
    pub(crate) const fn below(&mut self, count: u64) -> usize {
        ((self.next() as u128 * count as u128) >> 64) as usize
    }
}

impl SplitMix64 {
    /// Puts the items into a random order (R. Durstenfeld, Algorithm 235, CACM 7(7), 1964).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the reference implementation with seed 1234567.
    #[test]
    fn the_generator_gives_the_published_sequence() {
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
