//! `list`: the sessions, the one written to last first.

use crate::args::{Global, List};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::list::{self, Row, View};
use serde::Serialize;
use sessionlog::SessionInfo;
use sessionlog::clock::timestamp_of;
use sessionlog::interchange::{search, usual_places};
use std::borrow::Cow;
use std::env;
use std::path::Path;

/// A line of `list --json`.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    path: String,
    /// As the header has it.
    timestamp: Option<&'a str>,
    modified: String,
    cwd: Option<&'a str>,
    parent_session: Option<&'a str>,
    bytes: u64,
    /// The name of a fork, or else the beginning of what the user said first.
    name: Option<&'a str>,
    /// The agent that wrote it, if it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    /// Why there is no header that can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(args: &List, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let progress = out.progress("Reading the sessions' heads:", None);
    let mut none = "no session is in it".to_owned();
    let sessions = if args.dirs.is_empty() && !args.all {
        let store = super::existing_store(global)?;
        none = format!(
            "{}: there is no session yet; `sessionlog new` makes one.",
            store.dir().display()
        );
        store.list()?
    } else {
        elsewhere(args, global, out)?
    };
    drop(progress);
    if out.json {
        return sessions.iter().try_for_each(|info| out.json(&line(info)));
    }
    if sessions.is_empty() {
        out.note(format_args!("{none}"));
        return Ok(());
    }
    let titles: Vec<Cow<'_, str>> = sessions.iter().map(title).collect();
    let rows: Vec<Row<'_>> = sessions
        .iter()
        .zip(&titles)
        .map(|(info, title)| Row {
            id: &info.id,
            modified: Some(timestamp_of(info.modified)),
            cwd: info.header.as_ref().map_or("", |header| &header.cwd),
            bytes: info.bytes,
            title,
        })
        .collect();
    let (times, home) = (super::times(out), env::var("HOME").ok());
    let width = out.terminal.then_some(out.width);
    out.render(|data, styles| {
        let view = View {
            styles,
            times: &times,
            width,
            home: home.as_deref(),
        };
        list::write(data, &rows, &view)
    })
}

/// What is in the directories that were named, or in all that are usual.
fn elsewhere(args: &List, global: &Global, out: &mut Output) -> Result<Vec<SessionInfo>, Failure> {
    let mut in_dir = |dir: &Path| -> Result<Vec<SessionInfo>, Failure> {
        let found = search(dir)?;
        for (_, why) in &found.left_out {
            out.warn(format_args!("{why}"));
        }
        Ok(found.sessions())
    };
    let mut sessions = Vec::new();
    for dir in &args.dirs {
        match dir.is_dir() {
            true => sessions.extend(in_dir(dir)?),
            false => sessions.push(SessionInfo::read(dir)?),
        }
    }
    if args.all {
        sessions.extend(super::store(global)?.list()?);
        let cwd = env::current_dir().unwrap_or_default();
        for dir in usual_places(&cwd) {
            // Most people have not all of these agents.
            if dir.is_dir() {
                sessions.extend(in_dir(&dir)?);
            }
        }
    }
    sessions.sort_by(|a, b| (b.modified, &b.path).cmp(&(a.modified, &a.path)));
    sessions.dedup_by(|a, b| a.path == b.path);
    Ok(sessions)
}

fn line(info: &SessionInfo) -> Line<'_> {
    let header = info.header.as_ref();
    Line {
        id: &info.id,
        path: super::path_text(&info.path),
        timestamp: header.ok().map(|header| header.timestamp.as_str()),
        modified: timestamp_of(info.modified).to_string(),
        cwd: header.ok().map(|header| header.cwd.as_str()),
        parent_session: header.ok().and_then(|h| h.parent_session.as_deref()),
        bytes: info.bytes,
        name: name(info),
        format: info.format.map(|format| format.name()),
        error: header.err().map(ToString::to_string),
    }
}

fn name(info: &SessionInfo) -> Option<&str> {
    let given = info.header.as_ref().ok();
    given
        .and_then(|header| header.branch_name.as_deref())
        .or(info.first_user_text.as_deref())
}

/// What it is about; of a session without a header, why.
fn title(info: &SessionInfo) -> Cow<'_, str> {
    match (&info.header, name(info)) {
        (Ok(_), name) => name.unwrap_or_default().into(),
        (Err(fault), None) => format!("({fault})").into(),
        (Err(fault), Some(name)) => format!("({fault}) {name}").into(),
    }
}
