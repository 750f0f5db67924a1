//! Every conformance vector through the framer.

use sessionlog_tests::seen::{by_framer, by_model};
use sessionlog_tests::{model, vectors};

#[test]
fn the_framer_sees_what_the_model_sees() {
    for v in vectors::all() {
        let expected = by_model(&model::read(&v.bytes));
        for size in [1, 7, 64, usize::MAX] {
            let difference = by_framer(&v.bytes, &[size]).difference(&expected);
            assert_eq!(difference, None, "{}", v.name);
        }
    }
}

/// Against the files that were compared with the rules by hand, not against a reader.
#[test]
fn the_framer_counts_as_expected() {
    for v in vectors::all() {
        let seen = by_framer(&v.bytes, &[64]);
        if v.expected["refused"].is_string() {
            assert!(seen.refused || seen.header.is_none(), "{}", v.name);
            continue;
        }
        let recovery = &v.expected["recovery"];
        let unknown = seen
            .entries
            .iter()
            .filter(|e| e.kind == model::Kind::Unknown);
        assert_eq!(
            recovery["corrupt_entries"],
            seen.corrupt.len(),
            "{}",
            v.name
        );
        assert_eq!(recovery["unknown_entries"], unknown.count(), "{}", v.name);
        assert_eq!(
            v.expected["session"].is_null(),
            seen.header.is_none(),
            "{}",
            v.name
        );
    }
}
