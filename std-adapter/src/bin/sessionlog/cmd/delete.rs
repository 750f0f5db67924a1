//! `delete SESSION`: after asking.

use crate::args::{Delete, Global};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format;
use serde::Serialize;
use sessionlog::{Error, SessionInfo, SessionLog, SessionStore, interchange, sanitize};
use std::io::{self, IsTerminal as _};

/// Columns of the session's first words in the question.
const TITLE_WIDTH: usize = 40;

/// The answer of `--json`.
#[derive(Serialize)]
struct Deleted<'a> {
    id: &'a str,
    path: String,
}

pub(crate) fn run(args: &Delete, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let path = super::find(&args.session.session, global)?;
    // Only sessions are deleted, damaged and empty ones too.
    match SessionLog::open(&path) {
        Ok(_) => interchange::refuse_foreign(&path)?,
        Err(Error::Empty { .. } | Error::UnsupportedVersion { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let info = SessionInfo::read(&path)?;
    if !args.yes {
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(format!(
                "{}: not deleted: nobody can be asked here; --yes deletes without asking",
                path.display()
            )));
        }
        let title = info.first_user_text.as_deref().unwrap_or_default();
        let title = match sanitize::single_line(title, TITLE_WIDTH) {
            title if title.is_empty() => String::new(),
            title => format!(" \"{title}\","),
        };
        let (id, size) = (&info.id, format::bytes(info.bytes));
        if !out.confirm(format_args!("Delete session {id},{title} {size}?"))? {
            out.note(format_args!("Not deleted."));
            return Err(Failure::Found);
        }
    }
    let store = match super::store(global) {
        Ok(store) => store,
        // A path needs none.
        Err(_) => SessionStore::at("."),
    };
    store.delete(&path)?;
    if out.json {
        let path = super::path_text(&path);
        return out.json(&Deleted { id: &info.id, path });
    }
    out.note(format_args!("Deleted {}.", path.display()));
    Ok(())
}
