//! One file a subcommand: each joins arguments, library and output.

mod append;
mod compact;
mod completions;
mod context;
mod delete;
mod entry;
mod export;
mod flash;
mod follow;
mod fork;
mod import;
mod leaf;
mod list;
mod new;
mod prune;
mod repair;
mod show;
mod spending;
mod tree;
mod usage;
mod verify;
mod zone;

use crate::args::{Command, Global, Redact, Session as Spec};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::Times;
use sessionlog::interchange::{session_files, usual_places};
use sessionlog::store::{self, DIR_VARIABLE, LATEST};
use sessionlog::{
    Error, SessionInfo, SessionLog, SessionStore, SystemClock, reader::Problem, redact,
};
use sessionlog_core::Clock as _;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

/// Remarks on one session's damage at most; `verify` tells all of it.
const MAX_REMARKS: usize = 3;

/// Does what the command line says.
pub(crate) fn run(command: Command, global: &Global, out: &mut Output) -> Result<(), Failure> {
    match command {
        Command::New(args) => new::run(&args, global, out),
        Command::Append(args) => append::run(&args, global, out),
        Command::List(args) => list::run(&args, global, out),
        Command::Show(args) => show::run(&args, global, out),
        Command::Context(args) => context::run(&args, global, out),
        Command::Tree(args) => tree::run(&args, global, out),
        Command::Usage(args) => usage::run(&args, global, out),
        Command::Leaf(args) => leaf::run(&args, global, out),
        Command::Fork(args) => fork::run(&args, global, out),
        Command::Compact(args) => compact::run(&args, global, out),
        Command::Verify(args) => verify::run(&args, global, out),
        Command::Repair(args) => repair::run(&args, global, out),
        Command::Delete(args) => delete::run(&args, global, out),
        Command::Import(args) => import::run(&args, global, out),
        Command::Export(args) => export::run(&args, global, out),
        Command::Prune(args) => prune::run(&args, global, out),
        Command::Flash(args) => flash::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
    }
}

/// The directory that the command line means.
fn store(global: &Global) -> Result<SessionStore, Error> {
    match &global.dir {
        Some(dir) => Ok(SessionStore::at(dir)),
        None => SessionStore::open_default(),
    }
}

/// The same, to look for sessions in: one that somebody named has to be there.
fn existing_store(global: &Global) -> Result<SessionStore, Failure> {
    let store = store(global)?;
    let by = match &global.dir {
        Some(_) => "--dir",
        None => DIR_VARIABLE,
    };
    let named = global.dir.is_some() || env::var_os(DIR_VARIABLE).is_some_and(|d| !d.is_empty());
    if named && !store.dir().exists() {
        let words = format!(
            "{}: no such directory, which {by} names for the sessions; `sessionlog new` makes it with its first session",
            store.dir().display()
        );
        return Err(Failure::Failed(words.into()));
    }
    Ok(store)
}

/// The file of a session. A path needs no store, and no home directory.
fn find(spec: &OsStr, global: &Global) -> Result<PathBuf, Failure> {
    // Ids are text.
    let Some(text) = spec.to_str() else {
        return Ok(spec.into());
    };
    let there = fs::metadata(text).is_ok_and(|there| !there.is_dir());
    if text != LATEST && there {
        return Ok(text.into());
    }
    match existing_store(global) {
        Ok(store) => match store.resolve(text) {
            Err(Error::NotFound { what }) => {
                Ok(elsewhere(text, Some(&store))?.ok_or(Error::NotFound { what })?)
            }
            found => Ok(found?),
        },
        // A path that leads nowhere is what is wrong, not the store.
        Err(_) if text.contains(['/', MAIN_SEPARATOR]) || text.ends_with(".jsonl") => {
            Err(Error::NotFound { what: text.into() }.into())
        }
        Err(failure) => elsewhere(text, None)?.ok_or(failure),
    }
}

/// A session in the usual places of other agents: by its file's name, the beginning of it, or the id that it ends with. Or,
/// in the store too, by the id in its header, or the beginning of it.
fn elsewhere(spec: &str, store: Option<&SessionStore>) -> Result<Option<PathBuf>, Error> {
    if store::check_id(spec).is_err() || spec == LATEST {
        return Ok(None);
    }
    let cwd = env::current_dir().unwrap_or_default();
    let dirs = usual_places(&cwd).into_iter().filter(|dir| dir.is_dir());
    let files = dirs.filter_map(|dir| session_files(&dir).ok()).flatten();
    let files: Vec<PathBuf> = files.collect();
    let named = |path: &&PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let stem = name.split(".json").next().unwrap_or(name);
        stem.starts_with(spec) || stem.ends_with(spec)
    };
    let mut found: Vec<PathBuf> = files.iter().filter(named).cloned().collect();
    if found.is_empty() {
        let own = store.map(SessionStore::list).transpose()?;
        let heads = files.iter().filter_map(|file| SessionInfo::read(file).ok());
        let ids = own.into_iter().flatten().chain(heads).filter_map(|info| {
            let id = info.header.ok()?.id;
            id.starts_with(spec).then_some((id, info.path))
        });
        let mut ids: Vec<(String, PathBuf)> = ids.collect();
        // All of an id goes before the beginning of a longer one.
        if ids.iter().any(|(id, _)| id == spec) {
            ids.retain(|(id, _)| id == spec);
        }
        found = ids.into_iter().map(|(_, path)| path).collect();
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        total => Err(Error::Ambiguous {
            prefix: spec.into(),
            matches: found.iter().take(5).map(|path| path_text(path)).collect(),
            total,
        }),
    }
}

/// Reads a session, and says what is wrong with it.
fn read(
    spec: &Spec,
    redact: Redact,
    global: &Global,
    out: &mut Output,
) -> Result<SessionLog, Failure> {
    let log = read_silently(spec, redact, global, out)?;
    let found = log.problem_count() + log.warning_count();
    let mut told = 0;
    for problem in damage(&log).into_iter().take(MAX_REMARKS) {
        out.warn(format_args!("{}: {problem}", log.path().display()));
        told += 1;
    }
    if found > told {
        let path = log.path().display();
        let more = found - told;
        out.note(format_args!(
            "There is more of this ({more}): `sessionlog verify {path}` tells."
        ));
    }
    Ok(log)
}

fn read_silently(
    spec: &Spec,
    redact: Redact,
    global: &Global,
    out: &Output,
) -> Result<SessionLog, Failure> {
    let path = find(&spec.session, global)?;
    let _progress = out.progress("Reading", file_bytes(&path));
    let log = SessionLog::open(path)?;
    Ok(match redact.redact {
        true => redact::redacted(&log)?,
        false => log,
    })
}

/// How long a file is, if the system tells.
fn file_bytes(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|there| there.len())
}

/// What is wrong with a session, and what had to be interpreted, in file order.
fn damage(log: &SessionLog) -> Vec<&Problem> {
    let mut all: Vec<_> = log.problems().iter().chain(log.warnings()).collect();
    all.retain(|problem| !problem.kind.is_note());
    all.sort_by_key(|problem| (problem.line, problem.byte));
    all
}

/// Has `export` write a file that must not exist yet, for its owner only, and makes it durable; leaves none when that fails.
fn to_new_file<T>(
    path: &Path,
    export: impl FnOnce(&mut dyn Write) -> Result<T, Error>,
) -> Result<T, Failure> {
    let cannot = |op: &'static str| {
        move |source| Error::Io {
            path: path.into(),
            op,
            source,
        }
    };
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::FileExists { path: path.into() },
        _ => cannot("create")(source),
    })?;
    let mut writer = BufWriter::new(created);
    let done = export(&mut writer).map_err(|error| match error {
        Error::Io {
            op: "export",
            source,
            ..
        } => cannot("write")(source),
        other => other,
    });
    let done = done.and_then(|done| {
        let synced = writer.flush().and_then(|()| writer.get_ref().sync_all());
        synced.map(|()| done).map_err(cannot("write"))
    });
    done.map_err(|error| {
        let _ = fs::remove_file(path);
        error.into()
    })
}

/// Now, and the reader's time zone.
fn times(out: &mut Output) -> Times {
    Times::new(SystemClock::new().now(), zone::of_reader(out))
}

/// A path as text for JSON, which has no other bytes.
fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
