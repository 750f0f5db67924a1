//! `verify PATH…`: what is wrong, and where.

use crate::args::{Global, Verify};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{count, entries, thousands};
use serde::Serialize;
use sessionlog::flash::{Region, is_image_at};
use sessionlog::interchange::{Searched, recognise, search};
use sessionlog::reader::Problem;
use sessionlog::store::EXTENSION;
use sessionlog::{Error, FlashImage, Verification, sanitize, verify};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

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

/// Checks the sessions in a directory and below it, of every format that is known, in the order of their paths.
fn directory(dir: &Path, tell_skipped: bool, out: &mut Output) -> Result<bool, Failure> {
    let Searched {
        files, left_out, ..
    } = search(dir)?;
    let bytes = files.iter().filter_map(|path| super::file_bytes(path));
    let progress = out.progress(CHECKING, Some(bytes.sum()));
    let (mut checked, mut wrong, mut others) = (0, 0, 0);
    let mut skipped = Vec::new();
    for path in &files {
        // Other programs keep lines of JSON too; what stands in the directory itself is meant to be a session.
        let named = path.extension().is_some_and(|end| end == EXTENSION);
        let meant = named && path.parent() == Some(dir);
        let format = recognise(path);
        let unreadable = matches!(format, Err(Error::Io { .. }));
        if meant || unreadable || format.is_ok_and(|format| format.is_some()) {
            checked += 1;
            wrong += u64::from(!one(path.as_os_str(), Ok(path.clone()), out)?);
            continue;
        }
        match named.then(|| verify(path)) {
            None => skipped.push(path.clone()),
            // Lines of another program's, or none.
            Some(Err(Error::Unrecognised { .. } | Error::NotASession { .. })) => {
                others += 1;
                skipped.push(path.clone());
            }
            Some(found) => {
                checked += 1;
                let found = found.map_err(Failure::from);
                wrong += u64::from(!report(path.as_os_str(), found, out)?);
            }
        }
    }
    drop(progress);
    let left_out: HashSet<PathBuf> = left_out
        .into_iter()
        .map(|(path, why)| report(path.as_os_str(), Err(why.into()), out).map(|_| path))
        .collect::<Result<_, _>>()?;
    if tell_skipped {
        skipped.extend(no_candidates(dir, &files, &left_out));
        skipped.sort();
        for path in skipped {
            out.note(format_args!(
                "{}: skipped, no session's file",
                path.display()
            ));
        }
    }
    let sessions = count(checked, "session", "sessions");
    let found = match (checked, wrong) {
        (0, _) => "no session's file (*.jsonl) is in it".to_owned(),
        (_, 0) => format!("{sessions}, all sound"),
        _ => format!("{sessions}, {} not sound", thousands(wrong)),
    };
    let others = match count(others, "other file", "other files") {
        some if others > 0 && !tell_skipped => format!("; {some} skipped (--skipped names them)"),
        _ => String::new(),
    };
    let left = match count(left_out.len() as u64, "directory", "directories") {
        some if !left_out.is_empty() => format!("; {some} not looked into"),
        _ => String::new(),
    };
    out.note(format_args!("{}: {found}{others}{left}", dir.display()));
    Ok(wrong == 0 && left_out.is_empty())
}

/// What is in a directory and below it and cannot be a session by its name.
fn no_candidates(dir: &Path, files: &[PathBuf], left_out: &HashSet<PathBuf>) -> Vec<PathBuf> {
    let candidates: HashSet<&PathBuf> = files.iter().collect();
    let (mut dirs, mut found) = (vec![dir.to_owned()], Vec::new());
    while let Some(dir) = dirs.pop() {
        // What cannot be listed was told of.
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    dirs.extend(Some(entry.path()).filter(|dir| !left_out.contains(dir)));
                }
                _ if candidates.contains(&entry.path()) => {}
                _ => found.push(entry.path()),
            }
        }
    }
    found
}

/// True when nothing is wrong. One that cannot be read does not keep others from being checked.
fn one(spec: &OsStr, found: Result<PathBuf, Failure>, out: &mut Output) -> Result<bool, Failure> {
    if let Ok(path) = &found
        && let Ok(true) = is_image_at(path)
    {
        let mut image = FlashImage::open(path, Region::default())?;
        return super::flash::verify(&mut image, out);
    }
    report(spec, found.and_then(|path| Ok(verify(&path)?)), out)
}

fn report(
    spec: &OsStr,
    found: Result<Verification, Failure>,
    out: &mut Output,
) -> Result<bool, Failure> {
    match found {
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
