//! `fork SESSION`: a branch in a session of its own.

use super::new;
use crate::args::{Fork, Global};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::entries;
use sessionlog::fork::fork;
use sessionlog::redact;

pub(crate) fn run(args: &Fork, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let store = super::store(global)?;
    let log = super::read(&args.session, args.redact, global, out)?;
    let name = args.name.as_deref().map(|name| match args.redact.redact {
        true => redact::text(name),
        false => name.into(),
    });
    let forked = fork(&store, &log, args.at.as_deref(), name.as_deref())?;
    new::tell(&forked.id, &forked.path, out)?;
    out.note(format_args!(
        "Copied {} of session {}.",
        entries(&forked.counts),
        log.id()
    ));
    Ok(())
}
