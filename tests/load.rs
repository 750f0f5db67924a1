//! What a writer process writes, known to the test that watches it.

use std::fmt::Write as _;

/// A small generator of pseudo-random numbers (SplitMix64): the same seed gives the same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// One that begins at `seed`.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of them; `choices` must not be empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = self.below(choices.len() as u64);
        &choices[usize::try_from(at).unwrap_or(0)]
    }
}

/// Message number `n` of the writer with this seed: mostly short, at times longer than any buffer of ours (1 MiB).
pub fn payload(seed: u64, n: u64) -> String {
    let mut rng = Rng::new(seed ^ n.wrapping_mul(0x2545_f491_4f6c_dd1d));
    // Every eighth writer is a heavy one.
    let all = if seed.is_multiple_of(8) { 12 } else { 200 };
    let len = match rng.below(all) {
        0 => 1_200_000,
        1..=5 => 70_000,
        6..=30 => 4_000,
        _ => rng.below(200),
    };
    sized_payload(n, len, &mut rng)
}

/// A message with a text of about `len` bytes; every second one is an answer with usage.
pub fn sized_payload(n: u64, len: u64, rng: &mut Rng) -> String {
    let mut text = format!("number {n}: ");
    while (text.len() as u64) < len {
        let _ = write!(
            text,
            "{:x} \\n\\u00e9 é \\\"{{\\\"type\\\":\\\" ",
            rng.number()
        );
    }
    let content = format!(r#"[{{"type":"text","text":"{text}"}}]"#);
    if n.is_multiple_of(2) {
        format!(r#"{{"role":"user","content":{content},"timestamp_ms":{n}}}"#)
    } else {
        format!(
            r#"{{"role":"assistant","content":{content},"provider":"anthropic","model":"claude-sonnet-4-5","stop_reason":"stop","usage":{{"input_tokens":{n},"output_tokens":7,"cache_read_tokens":3,"cache_write_tokens":0}},"timestamp_ms":{n}}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_messages() {
        for n in 0..300 {
            let text = payload(7, n);
            assert_eq!(text, payload(7, n));
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
        assert!((0..300).any(|n| payload(8, n).len() > 1 << 20));
        assert_ne!(payload(7, 1), payload(8, 1));
    }
}
