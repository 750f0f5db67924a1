//! `leaf SESSION ENTRY`: goes on from another entry.

use crate::args::{Global, Leaf};
use crate::failure::Failure;
use crate::output::Output;
use serde::Serialize;
use sessionlog::Session;
use sessionlog_core::journal::Options;

/// The answer of `--json`.
#[derive(Serialize)]
struct Moved<'a> {
    id: &'a str,
    tip: &'a str,
}

pub(crate) fn run(args: &Leaf, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let path = super::find(&args.session.session, global)?;
    let mut session = Session::open(&path, Options::default())?;
    let id = session.move_tip(&args.entry)?;
    if out.json {
        let (id, tip) = (id.as_str(), args.entry.as_str());
        out.json(&Moved { id, tip })
    } else {
        out.line(format_args!("{}", id.as_str()))
    }
}
