//! `verify PATH…`: what is wrong, and where.

use crate::args::{Global, Verify};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{count, entries, thousands};
use serde::Serialize;
use sessionlog::flash::{Region, is_image_at};
use sessionlog::reader::Problem;
use sessionlog::store::EXTENSION;
use sessionlog::{FlashImage, Verification, sanitize, verify};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

const CHECKING: &str = "Checking";

/// A line of `verify --json`.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    path: &'a str,
    /// Of a flash image, the session's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<u32>,
    /// `unreadable` when nothing could be checked.
    status: &'a str,
    entries: u64,
    problems: Vec<Fault>,
}

/// A problem, in JSON.
#[derive(Serialize)]
pub(super) struct Fault {
    /// `problem`, or `note` for what does not make a session unsound.
    severity: &'static str,
    line: Option<u64>,
    byte: Option<u64>,
    kind: &'static str,
    detail: String,
}

impl Fault {
    pub(super) fn of(problem: &Problem) -> Self {
        Self {
            severity: severity(problem),
            line: Some(problem.line),
            byte: Some(problem.byte),
            kind: problem.kind.name(),
            detail: match &problem.id {
                Some(id) => format!("{id}: {}", problem.kind),
                None => problem.kind.to_string(),
            },
        }
    }
}

impl<'a> Line<'a> {
    pub(super) fn of(path: &'a str, found: &Verification) -> Self {
        Line {
            path,
            session: None,
            status: found.health.name(),
            entries: found.entries,
            problems: found.problems.iter().map(Fault::of).collect(),
        }
    }

    pub(super) fn unreadable(path: &'a str, detail: String) -> Self {
        Line {
            path,
            session: None,
            status: "unreadable",
            entries: 0,
            problems: vec![Fault {
                severity: "problem",
                line: None,
                byte: None,
                kind: "unreadable",
                detail,
            }],
        }
    }
}

fn severity(problem: &Problem) -> &'static str {
    match problem.kind.is_note() {
        true => "note",
        false => "problem",
    }
}

pub(crate) fn run(args: &Verify, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let mut sound = true;
    for spec in &args.paths {
        sound &= match Path::new(spec) {
            dir if dir.is_dir() => directory(dir, args.skipped, out)?,
            _ => {
                let found = super::find(spec, global);
                let bytes = found.as_ref().ok().and_then(|path| super::file_bytes(path));
                let _progress = out.progress(CHECKING, bytes);
                one(spec, found, out)?
            }
        };
    }
    if sound { Ok(()) } else { Err(Failure::Found) }
}

/// Checks the sessions directly in a directory, in the order of their names.
fn directory(dir: &Path, tell_skipped: bool, out: &mut Output) -> Result<bool, Failure> {
    let failed = |error: io::Error| {
        Failure::Failed(format!("{}: cannot list: {error}", dir.display()).into())
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let named = path.extension().is_some_and(|end| end == EXTENSION);
        // As in a store: a link may lead anywhere.
        let file = entry.file_type().is_ok_and(|kind| kind.is_file());
        paths.push((path, named && file));
    }
    paths.sort();
    let sessions = paths.iter().filter(|(_, session)| *session);
    let bytes = sessions
        .filter_map(|(path, _)| super::file_bytes(path))
        .sum();
    let progress = out.progress(CHECKING, Some(bytes));
    let (mut checked, mut wrong) = (0, 0);
    for (path, session) in paths {
        if session {
            checked += 1;
            wrong += u64::from(!one(path.clone().as_os_str(), Ok(path), out)?);
        } else if tell_skipped {
            out.note(format_args!(
                "{}: skipped, no session's file",
                path.display()
            ));
        }
    }
    drop(progress);
    let sessions = count(checked, "session", "sessions");
    let found = match (checked, wrong) {
        (0, _) => "no session's file (*.jsonl) is in it".to_owned(),
        (_, 0) => format!("{sessions}, all sound"),
        _ => format!("{sessions}, {} not sound", thousands(wrong)),
    };
    out.note(format_args!("{}: {found}", dir.display()));
    Ok(wrong == 0)
}

/// True when nothing is wrong. One that cannot be read does not keep others from being checked.
fn one(spec: &OsStr, found: Result<PathBuf, Failure>, out: &mut Output) -> Result<bool, Failure> {
    if let Ok(path) = &found
        && let Ok(true) = is_image_at(path)
    {
        let mut image = FlashImage::open(path, Region::default())?;
        return super::flash::verify(&mut image, out);
    }
    match found.and_then(|path| Ok(verify(&path)?)) {
        Ok(found) => {
            let path = super::path_text(&found.path);
            if out.json {
                out.json(&Line::of(&path, &found))?;
            } else {
                text(&path, &found, out)?;
            }
            Ok(found.is_sound())
        }
        Err(failure) => {
            let words = failure.words().unwrap_or_default();
            if out.json {
                out.json(&Line::unreadable(&spec.to_string_lossy(), words))?;
            } else {
                out.error(format_args!("{words}"));
            }
            Ok(false)
        }
    }
}

pub(super) fn text(path: &str, found: &Verification, out: &mut Output) -> Result<(), Failure> {
    let path = sanitize::field(path);
    for problem in &found.problems {
        let words = problem.to_string();
        let words = sanitize::field(&words);
        out.render(|data, styles| {
            let style = match problem.kind.is_note() {
                true => styles.dim,
                false => styles.error,
            };
            let mark = severity(problem);
            writeln!(data, "{path}: {style}{mark}{style:#}: {words}")
        })?;
    }
    let listed = found.problems.iter().filter(|p| !p.kind.is_note()).count() as u64;
    let more = found.problem_count.saturating_sub(listed);
    if more > 0 {
        let more = count(more, "problem is", "problems are");
        out.line(format_args!("{path}: {more} not listed"))?;
    }
    let entries = match count(found.entries, "entry", "entries") {
        none if found.entries == 0 => none,
        some => format!("{some} ({})", entries(&found.counts)),
    };
    out.render(|data, styles| {
        if found.is_sound() {
            let ok = styles.ok;
            writeln!(data, "{path}: {ok}sound{ok:#}, {entries}")
        } else {
            let error = styles.error;
            let state = match found.health.name() {
                // Whole, but something in it contradicts something else.
                "clean" => "not sound".to_owned(),
                damaged => damaged.replace('_', " "),
            };
            let problems = count(found.problem_count, "problem", "problems");
            writeln!(
                data,
                "{path}: {error}{state}{error:#}, {entries}, {problems}"
            )
        }
    })
}
