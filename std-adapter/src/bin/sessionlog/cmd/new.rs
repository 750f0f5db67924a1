//! `new`: starts a session.

use crate::args::{Global, New};
use crate::failure::Failure;
use crate::output::Output;
use serde::Serialize;
use sessionlog::{Error, NewSession, Session, SessionInfo, SessionStore, store};
use sessionlog_core::journal::Options;
use std::env;
use std::path::{Path, PathBuf, absolute};

/// The session that a command made, for `--json`.
#[derive(Serialize)]
struct Made<'a> {
    id: &'a str,
    path: String,
}

pub(crate) fn run(args: &New, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let store = super::store(global)?;
    let parent = args.parent.as_deref();
    let new = NewSession {
        cwd: directory(args.cwd.as_deref())?,
        parent_session: parent.map(|id| id_of(&store, id, out)).transpose()?,
    };
    let session = Session::create(&store, &new, Options::default())?;
    tell(session.id(), session.path(), out)
}

/// Tells which session was made.
pub(super) fn tell(id: &str, path: &Path, out: &mut Output) -> Result<(), Failure> {
    if out.json {
        let path = super::path_text(path);
        out.json(&Made { id, path })
    } else {
        out.line(format_args!("{}", sessionlog::sanitize::field(id)))
    }
}

/// The directory that the session works in, whole; it need not exist here.
fn directory(given: Option<&Path>) -> Result<String, Failure> {
    let dir: PathBuf = match given {
        Some(dir) => absolute(dir)
            .map_err(|error| Failure::Usage(format!("--cwd {}: {error}", dir.display())))?,
        None => env::current_dir()?,
    };
    let text = dir.into_os_string().into_string();
    text.map_err(|dir| {
        let dir = dir.display();
        Failure::Usage(format!(
            "{dir}: the format knows only directories whose names are Unicode"
        ))
    })
}

/// The parent's whole id. One that is not in the store may be elsewhere, and is taken as it is; a path is no id.
fn id_of(store: &SessionStore, parent: &str, out: &mut Output) -> Result<String, Failure> {
    if parent != store::LATEST {
        // Before anything is looked for: what makes no id makes none, whatever files there are.
        store::check_id(parent).map_err(|fault| {
            Failure::Usage(format!(
                "--parent {parent}: not a session's id: {fault}; give an id, its beginning, or 'latest'"
            ))
        })?;
    }
    match store.resolve_id(parent) {
        Ok(path) => {
            let info = SessionInfo::read(&path)?;
            let own = info.header.ok().map(|header| header.id);
            Ok(own.filter(|id| !id.is_empty()).unwrap_or(info.id))
        }
        Err(Error::NotFound { .. }) => {
            out.warn(format_args!(
                "{parent}: no such session in {}; it is noted as the parent all the same",
                store.dir().display()
            ));
            Ok(parent.to_owned())
        }
        Err(error) => Err(error.into()),
    }
}
