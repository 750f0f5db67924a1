//! The reference reader on generated files: laws that hold whatever the rules say, and proof that the generator
//! reaches every corner.

use super::*;
use crate::model::{self, Header, Kind, Model};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

fn laws(bytes: &[u8]) -> Result<Model, TestCaseError> {
    let m = model::read(bytes);
    for (i, parent) in m.parents.iter().enumerate() {
        prop_assert!(parent.is_none_or(|p| p < i));
    }
    let mut end = 0;
    for e in &m.entries {
        prop_assert!(e.start >= end);
        end = e.start + e.len;
        prop_assert_eq!((bytes[e.start], bytes[end - 1]), (b'{', b'}'));
    }
    for d in &m.corrupt {
        prop_assert!(d.start <= d.at && d.at <= bytes.len());
    }
    prop_assert!(m.branch.last() == m.tip.as_ref());
    prop_assert!(m.branch.windows(2).all(|w| w[0] < w[1]));
    prop_assert!(m.context.iter().all(|c| m.branch.contains(&c.entry)));
    prop_assert!(m.context.iter().skip(1).all(|c| !c.summary));
    Ok(m)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]
    #[test]
    fn laws_hold(bytes in damaged()) {
        laws(&bytes)?;
    }

    #[test]
    fn tidy_files_are_clean(bytes in style().prop_flat_map(tidy)) {
        let m = laws(&bytes)?;
        // Payloads nested too deep are refused; nothing else is wrong in them.
        let deep = bytes.windows(120).any(|w| w.iter().all(|&b| b == b'['));
        prop_assert!(deep || m.state == model::State::Clean);
        prop_assert_eq!(m.blank, 0);
    }

    /// An append changes nothing of what stands before it.
    #[test]
    fn a_longer_file_agrees_with_its_beginning(bytes in damaged(), cut in any::<Index>()) {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|&b| b == b'\n').filter(|l| l.ends_with(b"\n")).collect();
        if !lines.is_empty() {
            let whole = model::read(&lines.concat());
            let part = model::read(&lines[..cut.index(lines.len())].concat());
            let n = part.entries.len();
            if !matches!(whole.header, Header::Unsupported(_)) {
                prop_assert_eq!(&whole.parents[..n], &part.parents[..]);
                prop_assert_eq!(&whole.corrupt[..part.corrupt.len()], &part.corrupt[..]);
            }
        }
    }
}

#[test]
fn every_corner_is_reached() {
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..3000 {
        let bytes = damaged()
            .new_tree(&mut runner)
            .expect("no filters")
            .current();
        let m = model::read(&bytes);
        let kept_of = |i: usize| m.entries[i].first_kept.is_some() && m.kept_from.is_some();
        let corners = [
            ("our header", m.ours()),
            (
                "foreign header",
                matches!(m.header, Header::Valid { ours: false, .. }),
            ),
            ("lost header", m.header == Header::Lost),
            ("missing header", m.header == Header::Missing),
            ("torn header", m.header == Header::Torn),
            ("no session", m.header == Header::Empty),
            (
                "clean",
                m.state == model::State::Clean && m.entries.len() > 5,
            ),
            (
                "truncated",
                m.state == model::State::Truncated && m.entries.len() > 5,
            ),
            (
                "corrupt",
                m.state == model::State::Corrupt && m.entries.len() > 5,
            ),
            (
                "both",
                m.state == model::State::CorruptAndTruncated && m.entries.len() > 5,
            ),
            ("salvage", m.entries.iter().any(|e| e.salvaged)),
            (
                "two salvaged from a line",
                m.entries
                    .windows(2)
                    .any(|w| w[1].salvaged && w[0].start + w[0].len == w[1].start),
            ),
            (
                "salvaged where a value was due",
                m.entries
                    .iter()
                    .any(|e| e.salvaged && bytes[..e.start].ends_with(b":")),
            ),
            (
                "not salvaged: too deep",
                bytes.windows(20).any(|w| w == b"[[[[[[[[[{\"type\":\"me"),
            ),
            (
                "salvaged header",
                matches!(m.header, Header::Valid { .. })
                    && m.corrupt
                        .first()
                        .is_some_and(|d| bytes[..d.start].iter().all(u8::is_ascii_whitespace)),
            ),
            (
                "bridge to a salvaged entry of the same line",
                m.bridged.iter().any(|&i| {
                    m.parents[i]
                        .is_some_and(|p| m.entries[p].corrupt_before == m.entries[i].corrupt_before)
                }),
            ),
            (
                "null parent behind our chained records in a foreign file",
                !m.ours()
                    && (0..m.entries.len()).any(|i| {
                        m.entries[i].parent_id.is_none()
                            && m.parents[i].is_some()
                            && m.entries[..i]
                                .iter()
                                .any(|e| e.kind != Kind::Leaf && e.parent_id.is_some())
                    }),
            ),
            (
                "end of the linear prefix",
                !m.ours()
                    && (1..m.entries.len()).any(|i| {
                        m.entries[i].kind == Kind::Message
                            && m.entries[i].parent_id.is_none()
                            && m.parents[i].is_none()
                            && m.entries[..i].iter().any(|e| e.kind == Kind::Message)
                    }),
            ),
            ("unended record", m.unended.is_some()),
            ("blank line", m.blank > 0),
            ("bridge", !m.bridged.is_empty()),
            ("missing parent", !m.missing_parents.is_empty()),
            ("dangling leaf", !m.dangling_leaves.is_empty()),
            (
                "unknown tip",
                m.tip.is_some_and(|t| m.entries[t].kind == Kind::Unknown),
            ),
            (
                "unknown on the branch",
                m.branch.iter().any(|&i| m.entries[i].kind == Kind::Unknown),
            ),
            ("long context", m.context.len() > 5),
            (
                "kept tail",
                m.context
                    .first()
                    .is_some_and(|c| c.summary && kept_of(c.entry)),
            ),
            (
                "no kept tail",
                m.context.first().is_some_and(|c| c.summary) && m.kept_from.is_none(),
            ),
            (
                "two compactions on the branch",
                m.branch
                    .iter()
                    .filter(|&&i| m.entries[i].kind == Kind::Compaction)
                    .count()
                    > 1,
            ),
            (
                "inherited",
                m.inherited.contains(&true) && m.spent_usage != m.branch_usage,
            ),
            ("saturated", m.branch_usage.usage.input == u64::MAX),
            ("unreported", m.branch_usage.unreported > 0),
            ("watermark", m.watermark > 0),
            (
                "salvage in the last line",
                m.torn.is_some()
                    && m.entries.last().is_some_and(|e| {
                        e.salvaged && Some(e.start + e.len) == m.torn.map(|t| t.0)
                    }),
            ),
        ];
        for (name, reached) in corners {
            *seen.entry(name).or_insert(0) += u32::from(reached);
        }
    }
    assert!(seen.values().all(|&n| n >= 3), "{seen:#?}");
}
