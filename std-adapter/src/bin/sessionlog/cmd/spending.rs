//! `usage` of many sessions: a row for each day, model, project and the like.

use super::usage::{OfSection, section};
use crate::args::{By as ByWish, Global, Usage as Args};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::spending;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use sessionlog::Error;
use sessionlog::interchange::{recognise, search, usual_places};
use sessionlog::pricing::PriceTable;
use sessionlog::sanitize;
use sessionlog::spending::{By, Question, Spending, SpendingRow, spending as add_up};
use sessionlog::store::EXTENSION;
use sessionlog_core::Timestamp;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{env, io};

/// The answer of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    by: &'static str,
    rows: Vec<Row<'a>>,
    total: OfSection<'a>,
    sessions: u64,
    duplicates: u64,
    failed: Vec<Failed>,
    /// Files in which lines are damaged: what those used is not in the figures.
    damaged: Vec<String>,
    /// What was put away of sessions and cannot be read: it is not in the figures.
    missing: Vec<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    key: &'a str,
    sessions: u64,
    #[serde(flatten)]
    section: OfSection<'a>,
}

#[derive(Serialize)]
struct Failed {
    path: String,
    error: String,
}

pub(super) fn run(
    args: &Args,
    prices: &PriceTable,
    global: &Global,
    out: &mut Output,
) -> Result<(), Failure> {
    let by = args.many.by.unwrap_or_default();
    let question = question(args, by, out)?;
    let Paths {
        paths,
        in_dirs,
        left_out,
    } = paths(args, global)?;
    let bytes = paths.iter().filter_map(|path| super::file_bytes(path));
    let progress = out.progress("Adding up", Some(bytes.sum()));
    let mut found = add_up(&paths, &question, prices, |_| {});
    drop(progress);
    // Other programs keep lines of JSON in directories too.
    found.failed.retain(|(path, error)| {
        !(matches!(error, Error::Unrecognised { .. }) && in_dirs.contains(path))
    });
    found.failed.extend(left_out);
    if out.json {
        out.json(&Report {
            by: by.name(),
            rows: found.rows.iter().map(row).collect(),
            total: section(&found.total),
            sessions: found.sessions,
            duplicates: found.duplicates,
            failed: found.failed.iter().map(failed).collect(),
            damaged: found
                .damaged
                .iter()
                .map(|path| super::path_text(path))
                .collect(),
            missing: found
                .missing
                .iter()
                .map(|path| super::path_text(path))
                .collect(),
        })?;
    } else if args.many.csv {
        csv(by, &found, out)?;
    } else {
        let width = out.terminal.then_some(out.width);
        out.render(|data, styles| spending::write(data, by.name(), &found, styles, width))?;
    }
    if !out.json {
        for (_, error) in &found.failed {
            out.warn(format_args!("{error}"));
        }
        for path in &found.damaged {
            super::usage::tell_damage(path, out);
        }
    }
    for path in &found.missing {
        super::usage::tell_missing(path, out);
    }
    match found.failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Found),
    }
}

fn question(args: &Args, by: ByWish, out: &mut Output) -> Result<Question, Failure> {
    let many = &args.many;
    let zone = match &many.timezone {
        Some(name) => TimeZone::get(name).map_err(|_| {
            Failure::Usage(format!(
                "--timezone {name}: no such time zone; say one such as Europe/Paris or UTC"
            ))
        })?,
        None => super::zone::of_reader(out),
    };
    let moment = |option: &str, text: &Option<String>, days: i64| {
        text.as_deref()
            .map(|text| moment(text, &zone, days))
            .map(|found| {
                found.ok_or_else(|| {
                    Failure::Usage(format!(
                        "--{option}: expected a day such as 2026-05-22 or a time such as 2026-05-22T14:00:00Z"
                    ))
                })
            })
            .transpose()
    };
    // The day named is the last one.
    let (since, until) = (
        moment("since", &many.since, 0)?,
        moment("until", &many.until, 1)?,
    );
    if since
        .zip(until)
        .is_some_and(|(since, until)| since >= until)
    {
        return Err(Failure::Usage("--since must be before --until".to_owned()));
    }
    Ok(Question {
        by: match by {
            ByWish::Day => By::Day,
            ByWish::Week => By::Week,
            ByWish::Month => By::Month,
            ByWish::Session => By::Session,
            ByWish::Model => By::Model,
            ByWish::Project => By::Project,
            ByWish::Agent => By::Agent,
        },
        since,
        until,
        zone,
    })
}

/// A time, or the beginning of the day so many days after the one named.
fn moment(text: &str, zone: &TimeZone, days: i64) -> Option<Timestamp> {
    if let Some(time) = Timestamp::parse(text) {
        return Some(time);
    }
    let day: Date = text.parse().ok()?;
    let day = day
        .checked_add(jiff::Span::new().try_days(days).ok()?)
        .ok()?;
    let start = day.to_zoned(zone.clone()).ok()?;
    Some(Timestamp::from_unix_ms(start.timestamp().as_millisecond()))
}

/// The files meant.
#[derive(Default)]
struct Paths {
    paths: Vec<PathBuf>,
    /// Those that are there only because of their directory.
    in_dirs: HashSet<PathBuf>,
    /// Directories that were not looked into.
    left_out: Vec<(PathBuf, Error)>,
}

impl Paths {
    /// What may be a session in a directory and below it: other files are common there, too.
    fn below(&mut self, dir: &Path) -> Result<(), Failure> {
        let found = search(dir)?;
        let mut files = found.files;
        files.retain(|path| {
            let named = path.extension().is_some_and(|end| end == EXTENSION);
            // What cannot be read is told.
            named || !matches!(recognise(path), Ok(None) | Err(Error::Unrecognised { .. }))
        });
        self.in_dirs.extend(files.iter().cloned());
        self.paths.extend(files);
        self.left_out.extend(found.left_out);
        Ok(())
    }
}

/// Those named, those in the directories named, and with `--all` those of the store and of the usual places.
fn paths(args: &Args, global: &Global) -> Result<Paths, Failure> {
    let mut all = Paths::default();
    if args.many.all {
        let sessions = super::store(global)?.list()?;
        all.paths.extend(sessions.into_iter().map(|info| info.path));
        // The older file is the one that a copy was made of.
        all.paths.reverse();
        let cwd = env::current_dir().unwrap_or_default();
        for dir in usual_places(&cwd) {
            // Most people have not all of these agents.
            if dir.is_dir() {
                all.below(&dir)?;
            }
        }
    }
    for spec in &args.sessions {
        match Path::new(spec) {
            dir if dir.is_dir() => all.below(dir)?,
            _ => all.paths.push(super::find(spec, global)?),
        }
    }
    Ok(all)
}

fn row(row: &SpendingRow) -> Row<'_> {
    Row {
        key: &row.key,
        sessions: row.sessions,
        section: section(&row.section),
    }
}

fn failed((path, error): &(PathBuf, sessionlog::Error)) -> Failed {
    Failed {
        path: super::path_text(path),
        error: error.to_string(),
    }
}

/// A text in a table: a program that reckons with tables takes what begins like this for a formula, unless a `'` stands before.
fn cell(text: &str) -> String {
    let clean = sanitize::field(text);
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{clean}"),
        false => clean.into_owned(),
    }
}

/// A table for other programs: a line a row, and none for the total, which they can add up.
fn csv(by: ByWish, found: &Spending, out: &mut Output) -> Result<(), Failure> {
    let mut table = csv::Writer::from_writer(vec![]);
    let head = [
        by.name(),
        "sessions",
        "turns",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "total_tokens",
        "unreported",
        "known_cost_usd",
        "lower_bound",
        "told_cost_usd",
        "told",
        "untold",
    ];
    let mut write = |fields: &[String]| table.write_record(fields).map_err(io::Error::other);
    write(&head.map(str::to_owned))?;
    for row in &found.rows {
        let totals = &row.section.totals;
        let usage = &totals.usage;
        let mut fields = vec![cell(&row.key), row.sessions.to_string()];
        fields.extend(
            [
                totals.turns,
                usage.input_tokens,
                usage.output_tokens,
                usage.cache_read_tokens,
                usage.cache_write_tokens,
                usage.total_tokens(),
                totals.unreported,
            ]
            .map(|number| number.to_string()),
        );
        fields.push(row.section.known.total().to_string());
        fields.push(row.section.is_lower_bound().to_string());
        let told = &row.section.told;
        let amount = (told.told > 0).then(|| told.sum.to_string());
        fields.push(amount.unwrap_or_default());
        fields.extend([told.told, told.untold].map(|number| number.to_string()));
        write(&fields)?;
    }
    let text = table
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))?;
    out.render(|data, _| data.write_all(&text))
}
