//! What a panic says: prints what `output` cannot any more.

use sessionlog::sanitize;
use std::{io::Write as _, panic};

/// Makes a panic one line: its text may come from a session, and a backtrace helps nobody but us.
pub(crate) fn report() {
    panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        let _ = writeln!(
            std::io::stderr(),
            "error: this is a bug in sessionlog: {}",
            sanitize::field(&text)
        );
    }));
}
