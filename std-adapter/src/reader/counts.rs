//! How many entries of which kind.

use sessionlog_core::record::Kind;

/// How many entries of which kind: what a session holds, or a branch of it. The header is no entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub messages: u64,
    /// Compactions.
    pub compactions: u64,
    /// Leaves. They stand on no branch.
    pub leaves: u64,
    /// Records of kinds that are not known.
    pub unknown: u64,
}

impl Counts {
    /// One more of this kind.
    pub fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Message => self.messages += 1,
            Kind::Compaction => self.compactions += 1,
            Kind::Leaf => self.leaves += 1,
            // A header that is not at the header's place is an unknown entry (F7).
            _ => self.unknown += 1,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            compactions: self.compactions + other.compactions,
            leaves: self.leaves + other.leaves,
            unknown: self.unknown + other.unknown,
        }
    }

    /// All of them: the number of entries.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.messages + self.compactions + self.leaves + self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_counts_once() {
        let mut counts = Counts::default();
        for kind in [
            Kind::Message,
            Kind::Message,
            Kind::Compaction,
            Kind::Leaf,
            Kind::Unknown,
        ] {
            counts.add(kind);
        }
        let of = |n: u64| Counts {
            messages: 2 * n,
            compactions: n,
            leaves: n,
            unknown: n,
        };
        assert_eq!((counts, counts.entries()), (of(1), 5));
        assert_eq!(counts.plus(counts), of(2));
    }
}
