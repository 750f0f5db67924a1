//! Numbers that look random and are the same every time: SplitMix64 (Steele, Lea and Flood, 2014).

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream that begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.draw()) * end as u128) >> 64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A length between `least` and `most`, every order of magnitude as likely as the others, as the sizes of messages are.
    pub fn length(&mut self, least: usize, most: usize) -> usize {
        // Halvings of `most` that stay above `least`, one of them chosen, then evenly within it.
        let octaves = (most / least).max(1).ilog2() as usize + 1;
        let high = (most >> self.below(octaves)).max(least + 1);
        let low = (high / 2).max(least);
        low + self.below(high - low + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_on_every_machine() {
        let mut rng = Rng::new(0);
        assert_eq!(rng.draw(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(rng.draw(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn lengths_keep_to_their_bounds_and_reach_both_ends() {
        let mut rng = Rng::new(1);
        let lengths: Vec<usize> = (0..100_000).map(|_| rng.length(50, 50_000)).collect();
        assert!(lengths.iter().all(|length| (50..=50_000).contains(length)));
        assert!(lengths.iter().any(|&length| length < 60));
        assert!(lengths.iter().any(|&length| length > 49_000));
    }
}
