//! `export SESSION --to FORMAT`: a session for another agent, or to read.

use crate::args::Global;
use crate::args::interchange::{Export, Wish};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::count;
use serde::Serialize;
use sessionlog::Error;
use sessionlog::interchange::{Exported, Target, export};

use std::io;

/// The answer of `--json`.
#[derive(Serialize)]
struct Written {
    path: String,
    entries: u64,
    left_out: u64,
}

pub(crate) fn run(args: &Export, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let log = super::read(&args.session, args.redact, global, out)?;
    let target = match args.to {
        Wish::Opi => Target::Opi,
        Wish::Claw => Target::Claw,
        Wish::Pi => Target::Pi,
        Wish::Jsonl => Target::Jsonl,
        Wish::Markdown => Target::Markdown,
    };
    let done = match &args.output {
        Some(path) => super::to_new_file(path, |file| export(&log, target, file))?,
        None => {
            let mut result = Ok(Exported::default());
            let json = target != Target::Markdown;
            out.exact(json, |data| {
                result = export(&log, target, data);
                match &mut result {
                    // The writer's own failure comes back as the session's, and is the writer's all the same.
                    Err(Error::Io {
                        op: "export",
                        source,
                        ..
                    }) => Err(io::Error::new(source.kind(), source.to_string())),
                    _ => Ok(()),
                }
            })?;
            result?
        }
    };
    if let (Some(path), true) = (&args.output, out.json) {
        return out.json(&Written {
            path: super::path_text(path),
            entries: done.entries,
            left_out: done.left_out,
        });
    }
    if let Some(path) = &args.output {
        let entries = count(done.entries, "entry", "entries");
        out.note(format_args!("{}: {entries} written", path.display()));
    }
    if done.left_out > 0 {
        let entries = count(done.left_out, "entry", "entries");
        out.note(format_args!(
            "{entries} left out: that format has no place for them"
        ));
    }
    Ok(())
}
