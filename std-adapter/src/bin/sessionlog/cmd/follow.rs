//! `show --follow`: the entries as they are written.

use super::entry::{self, Pen};
use super::show::Line;
use crate::failure::Failure;
use crate::output::Output;
use sessionlog::follow::{Followed, Follower};
use sessionlog::{Error, SessionLog};
use sessionlog_core::EntryId;
use sessionlog_core::record::{Kind, Record};
use std::time::Duration;

/// How long nothing is looked at when nothing was new.
const PAUSE: Duration = Duration::from_millis(100);

/// Goes on behind what `log` has read: draws with `pen`, or gives JSON. Ends when nobody reads the output any more.
pub(super) fn go_on(
    log: &SessionLog,
    mut pen: Option<Pen>,
    out: &mut Output,
) -> Result<(), Failure> {
    let mut follower = Follower::after(log)?;
    let path = log.path().display();
    loop {
        out.flush()?;
        if !out.wait(PAUSE) {
            return Ok(());
        }
        let there = follower.poll(|followed| {
            match followed {
                Followed::Entry { record, bytes } => match &mut pen {
                    Some(pen) => return draw(pen, record, bytes, out),
                    None => return json(record, bytes, out),
                },
                Followed::Damaged(damage) => out.warn(format_args!(
                    "{path}: byte {}: a damaged line is passed over",
                    damage.at
                )),
                Followed::TakenBack { lines } => out.warn(format_args!(
                    "{path}: the writer could not keep its last {lines} lines and has taken them back"
                )),
                Followed::Replaced { anew: false } => out.note(format_args!(
                    "{path}: the file was replaced, by a repair as it seems; going on with the new one"
                )),
                Followed::Replaced { anew: true } => out.note(format_args!(
                    "{path}: the file was replaced by another one; its entries follow"
                )),
                _ => {}
            }
            Ok(())
        })?;
        if !there {
            return Err(Error::NotFound {
                what: path.to_string(),
            }
            .into());
        }
    }
}

fn draw(pen: &mut Pen, record: &Record, bytes: &[u8], out: &mut Output) -> Result<(), Failure> {
    match record.kind {
        // As in `show`.
        Kind::Leaf => Ok(()),
        _ => pen.record(record, bytes, out),
    }
}

fn json(record: &Record, bytes: &[u8], out: &mut Output) -> Result<(), Failure> {
    if record.kind == Kind::Leaf {
        return Ok(());
    }
    out.json(&Line {
        id: record.id.as_ref().map(EntryId::as_str),
        r#type: &entry::type_of(bytes)?,
        compacted: false,
        record: serde_json::from_slice(bytes)?,
    })
}
