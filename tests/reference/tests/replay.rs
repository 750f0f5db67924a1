//! Forward replay, reverse replay and the reference reader give the same tip, branch, context and sums on every input.

use proptest::prelude::*;
use sessionlog_reference::{generate, outcome};

fn agree(bytes: &[u8], window: usize, step: usize) -> Result<(), TestCaseError> {
    outcome::agree(bytes, window, step).map_err(TestCaseError::fail)
}

/// Bytes that a failing test shows as text.
#[derive(Clone)]
struct File(Vec<u8>);

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.escape_ascii().to_string().replace("\\n", "\n"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn on_tidy_sessions(
        file in prop_oneof![
            generate::tidy(generate::Style::Ours), generate::tidy(generate::Style::Linear),
            generate::tidy(generate::Style::Chained), generate::tidy(generate::Style::Mixed),
        ].prop_map(File),
        window in 64usize..2000, step in 1usize..3000,
    ) {
        agree(&file.0, window, step)?;
    }

    #[test]
    fn on_wild_sessions(file in generate::wild().prop_map(File), window in 64usize..2000, step in 1usize..3000) {
        agree(&file.0, window, step)?;
    }

    #[test]
    fn on_damaged_sessions(file in generate::damaged().prop_map(File), window in 64usize..2000, step in 1usize..3000) {
        agree(&file.0, window, step)?;
    }
}
