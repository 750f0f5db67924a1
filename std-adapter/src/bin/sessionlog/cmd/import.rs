//! `import PATH…`: sessions of other agents into the store.

use crate::args::Global;
use crate::args::interchange::Import;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{count, entries, thousands};
use serde::Serialize;
use sessionlog::interchange::{Imported, Importer, Outcome, search};
use sessionlog::{Error, sanitize};
use std::path::Path;

/// A line of `import --json`.
#[derive(Serialize)]
struct Line {
    source: String,
    format: Option<&'static str>,
    id: Option<String>,
    path: Option<String>,
    /// It was put away before.
    archived: bool,
    outcome: &'static str,
    entries: u64,
    added: u64,
    corrupt: u64,
    torn: bool,
    error: Option<String>,
}

/// How many files came to what.
#[derive(Default)]
struct Sum {
    new: u64,
    grown: u64,
    unchanged: u64,
    skipped: u64,
    failed: u64,
}

pub(crate) fn run(args: &Import, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let store = super::store(global)?;
    let importer = Importer::new(&store).anew(args.anew);
    let mut sum = Sum::default();
    let mut files = Vec::new();
    for path in &args.paths {
        if path.is_dir() {
            let found = search(path)?;
            files.extend(found.files.into_iter().map(|file| (file, true)));
            for (dir, why) in found.left_out {
                sum.failed += 1;
                not_done(&dir, "failed", &why, out)?;
            }
        } else {
            files.push((path.clone(), false));
        }
    }
    let all = files.len();
    let bytes = files.iter().filter_map(|(file, _)| super::file_bytes(file));
    let progress = out.progress("Importing", Some(bytes.sum()));
    for (file, of_dir) in files {
        match importer.import(&file) {
            Ok(imported) => told(&file, &imported, &mut sum, out)?,
            // A directory may hold anything.
            Err(error) if of_dir && is_other(&error) => {
                sum.skipped += 1;
                not_done(&file, "skipped", &error, out)?;
            }
            Err(error) => {
                sum.failed += 1;
                not_done(&file, "failed", &error, out)?;
            }
        }
    }
    drop(progress);
    if !out.json && (all > 1 || sum.skipped > 0) {
        out.line(format_args!(
            "{} imported, {} grown, {} unchanged, {} skipped, {} failed",
            thousands(sum.new),
            thousands(sum.grown),
            thousands(sum.unchanged),
            thousands(sum.skipped),
            thousands(sum.failed)
        ))?;
    }
    match sum.failed {
        0 => Ok(()),
        _ => Err(Failure::Found),
    }
}

fn is_other(error: &Error) -> bool {
    matches!(
        error,
        Error::Unrecognised { .. } | Error::NotASession { .. } | Error::Empty { .. }
    )
}

fn told(
    source: &Path,
    imported: &Imported,
    sum: &mut Sum,
    out: &mut Output,
) -> Result<(), Failure> {
    let (outcome, words) = match imported.outcome {
        Outcome::New => ("new", "imported as"),
        Outcome::Grown => ("grown", "added to"),
        Outcome::Unchanged => ("unchanged", "all of it is in"),
        Outcome::Continued => ("continued", "not imported: it has grown, and so has"),
        _ => ("differs", "not imported: it says something else than"),
    };
    *match imported.outcome {
        Outcome::New => &mut sum.new,
        Outcome::Grown => &mut sum.grown,
        Outcome::Unchanged => &mut sum.unchanged,
        _ => &mut sum.failed,
    } += 1;
    if out.json {
        return out.json(&Line {
            source: super::path_text(source),
            format: imported.format.map(|format| format.name()),
            id: Some(imported.id.clone()),
            path: Some(super::path_text(&imported.path)),
            archived: imported.archived,
            outcome,
            entries: imported.counts.entries(),
            added: imported.added,
            corrupt: imported.corrupt,
            torn: imported.torn,
            error: None,
        });
    }
    let source = super::path_text(source);
    let format = match imported.format {
        Some(format) => format!(" ({format})"),
        None => String::new(),
    };
    let what = match imported.outcome {
        Outcome::New => format!(": {}", entries(&imported.counts)),
        Outcome::Grown if imported.added == 0 => ": what its end says by now".to_owned(),
        Outcome::Grown => format!(": {}", count(imported.added, "entry", "entries")),
        Outcome::Unchanged if imported.archived => ", which was put away".to_owned(),
        Outcome::Unchanged => String::new(),
        Outcome::Continued => {
            ", which was gone on with here; --anew imports it under another id".to_owned()
        }
        _ => "; --anew imports it under another id".to_owned(),
    };
    out.line(format_args!(
        "{}{format}: {words} {}{what}",
        sanitize::field(&source),
        sanitize::field(&imported.id)
    ))?;
    if imported.corrupt > 0 {
        let damaged = count(imported.corrupt, "line is", "lines are");
        out.warn(format_args!(
            "{source}: {damaged} damaged, and kept as they are in unknown entries"
        ));
    }
    if imported.torn {
        out.warn(format_args!(
            "{source}: its last line is unfinished; if it is still being written, import it again when there is more"
        ));
    }
    Ok(())
}

fn not_done(
    source: &Path,
    outcome: &'static str,
    error: &Error,
    out: &mut Output,
) -> Result<(), Failure> {
    let words = Failure::Failed(error.to_string().into()).words();
    if out.json {
        return out.json(&Line {
            source: super::path_text(source),
            format: None,
            id: None,
            path: None,
            archived: false,
            outcome,
            entries: 0,
            added: 0,
            corrupt: 0,
            torn: false,
            error: words,
        });
    }
    let words = words.unwrap_or_default();
    match outcome {
        "skipped" => out.note(format_args!("skipped, no session: {}", source.display())),
        _ => out.error(format_args!("{words}")),
    }
    Ok(())
}
