//! `fork SESSION`: a branch in a session of its own.

use super::new;
use crate::args::{Fork, Global};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::entries;
use sessionlog::fork::fork;

pub(crate) fn run(args: &Fork, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let store = super::store(global)?;
    let log = super::read(&args.session, global, out)?;
    let forked = fork(&store, &log, args.at.as_deref(), args.name.as_deref())?;
    new::tell(&forked.id, &forked.path, out)?;
    out.note(format_args!(
        "Copied {} of session {}.",
        entries(&forked.counts),
        log.id()
    ));
    Ok(())
}
