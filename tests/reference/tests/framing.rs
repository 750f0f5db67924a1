//! F1 to F9 and F20 to F24: the core's framer sees what the reference reader sees, in chunks of any size.

use proptest::prelude::*;
use sessionlog_reference::generate::{damaged, style, tidy, wild};
use sessionlog_reference::model;
use sessionlog_reference::seen::{by_framer, by_model};

/// Sizes of the chunks that a file comes in: tiny, small, or the whole file.
fn chunks() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![3 => 1usize..4, 3 => 1usize..80, 1 => Just(usize::MAX)];
    prop::collection::vec(size, 1..6)
}

/// A file that a failure prints as text.
struct File(Vec<u8>);

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

fn agree(file: &File, chunks: &[usize]) -> Result<(), TestCaseError> {
    let core = by_framer(&file.0, chunks);
    let difference = core.difference(&by_model(&model::read(&file.0)));
    prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tidy_files(file in style().prop_flat_map(tidy).prop_map(File), chunks in chunks()) {
        agree(&file, &chunks)?;
    }

    #[test]
    fn wild_files(file in wild().prop_map(File), chunks in chunks()) {
        agree(&file, &chunks)?;
    }

    #[test]
    fn damaged_files(file in damaged().prop_map(File), chunks in chunks()) {
        agree(&file, &chunks)?;
    }
}
