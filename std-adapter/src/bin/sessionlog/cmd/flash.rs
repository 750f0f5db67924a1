//! `flash …`: images of a device's flash.

use super::verify::Line;
use crate::args::flash::{Export, Flash, FlashCommand, Format, Image};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::format::{bytes, count, thousands};
use crate::render::table::{Cell, Side, Table};
use serde::Serialize;
use sessionlog::flash::{FlashInfo, FlashSession, NewImage, Region};
use sessionlog::{Error, FlashImage, sanitize};
use sessionlog_core::Timestamp;
use std::path::Path;

/// The answer of `flash info --json`.
#[derive(Serialize)]
struct About {
    path: String,
    offset: u32,
    size: u32,
    block_size: u32,
    blocks: u32,
    unit: u32,
    in_use: u32,
    free: u32,
    erased: u32,
    bad: u32,
    room: u64,
    least_erases: u32,
    most_erases: u32,
    bad_headers: u32,
    bad_frames: u32,
    sessions: usize,
}

/// A line of `flash ls --json`.
#[derive(Serialize)]
struct Row {
    number: u32,
    id: Option<String>,
    timestamp: Option<String>,
    entries: u64,
    bytes: u64,
    blocks: u32,
    partial: bool,
    status: &'static str,
}

/// The first line of `flash verify --json`.
#[derive(Serialize)]
struct Verdict {
    path: String,
    status: &'static str,
    bad_headers: u32,
    bad_frames: u32,
    sessions: usize,
}

pub(crate) fn run(args: &Flash, out: &mut Output) -> Result<(), Failure> {
    match &args.command {
        FlashCommand::Info(args) => info(&mut open(&args.image)?, out),
        FlashCommand::Ls(args) => ls(&mut open(&args.image)?, out),
        FlashCommand::Export(args) => export(args, out),
        FlashCommand::Verify(args) => match verify(&mut open(&args.image)?, out)? {
            true => Ok(()),
            false => Err(Failure::Found),
        },
        FlashCommand::Format(args) => format(args, out),
    }
}

fn open(image: &Image) -> Result<FlashImage, Error> {
    let region = Region {
        offset: image.offset,
        len: image.size,
    };
    FlashImage::open(&image.path, region)
}

fn info(image: &mut FlashImage, out: &mut Output) -> Result<(), Failure> {
    let info = image.info()?;
    let sessions = image.sessions()?.len();
    if out.json {
        return out.json(&about(image.path(), &info, sessions));
    }
    let geometry = &info.geometry;
    let size = geometry.end() - geometry.start();
    let at = match geometry.start() {
        0 => String::new(),
        start => format!(" from {start:#x} on"),
    };
    let blocks = thousands(geometry.blocks().into());
    let rows = [
        (
            "region",
            format!(
                "{}{at}: {blocks} blocks of {}, aligned to {}",
                bytes(size.into()),
                bytes(geometry.block_size().into()),
                bytes(geometry.unit().into())
            ),
        ),
        (
            "blocks",
            format!(
                "{} in use, {} free, {} erased, {} unreadable",
                info.in_use, info.free, info.erased, info.bad
            ),
        ),
        ("room", format!("at least {}", bytes(info.room))),
        ("sessions", thousands(sessions as u64)),
        (
            "wear",
            match (info.wear.least, info.wear.most) {
                (least, most) if least == most => format!("{most} erases of each block"),
                (least, most) => format!("{least} to {most} erases of a block"),
            },
        ),
        ("damage", damage(&info).unwrap_or_else(|| "none".into())),
    ];
    let styles = out.styles;
    let mut table = Table::new(&[Side::Left, Side::Left]);
    for (name, text) in rows {
        table.row([Cell::new(name, styles.dim), Cell::new(text, styles.plain)]);
    }
    out.render(|data, _| table.write(data))
}

fn about(path: &Path, info: &FlashInfo, sessions: usize) -> About {
    let geometry = &info.geometry;
    About {
        path: super::path_text(path),
        offset: geometry.start(),
        size: geometry.end() - geometry.start(),
        block_size: geometry.block_size(),
        blocks: geometry.blocks(),
        unit: geometry.unit(),
        in_use: info.in_use,
        free: info.free,
        erased: info.erased,
        bad: info.bad,
        room: info.room,
        least_erases: info.wear.least,
        most_erases: info.wear.most,
        bad_headers: info.damage.bad_headers,
        bad_frames: info.damage.bad_frames,
        sessions,
    }
}

/// What is damaged in the blocks in use, if anything is.
fn damage(info: &FlashInfo) -> Option<String> {
    let damage = info.damage;
    let (headers, frames) = (damage.bad_headers.into(), damage.bad_frames.into());
    let headers = (headers > 0).then(|| {
        count(
            headers,
            "block header is unreadable",
            "block headers are unreadable",
        )
    });
    let frames = (frames > 0).then(|| {
        count(
            frames,
            "place where data is lost",
            "places where data is lost",
        )
    });
    let all: Vec<String> = headers.into_iter().chain(frames).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn ls(image: &mut FlashImage, out: &mut Output) -> Result<(), Failure> {
    let sessions = image.sessions()?;
    if sessions.is_empty() && !out.json {
        out.note(format_args!(
            "{}: there is no session in this image yet.",
            image.path().display()
        ));
        return Ok(());
    }
    let rows: Vec<Row> = sessions
        .iter()
        .map(|session| row(image, session))
        .collect::<Result<_, Failure>>()?;
    if out.json {
        return rows.iter().try_for_each(|row| out.json(row));
    }
    let styles = out.styles;
    let mut table = Table::new(&[
        Side::Right,
        Side::Left,
        Side::Left,
        Side::Right,
        Side::Right,
        Side::Left,
    ]);
    let heads = ["NUMBER", "ID", "CREATED", "ENTRIES", "SIZE", "STATE"];
    table.row(heads.map(|head| Cell::new(head, styles.dim)));
    let times = super::times(out);
    for row in &rows {
        let created = row.timestamp.as_deref().unwrap_or_default();
        let created = match Timestamp::parse(created) {
            Some(time) => times.date_time(time),
            None => sanitize::field(created).into_owned(),
        };
        let state = match (row.status, row.partial) {
            ("clean", true) => "its beginning is reclaimed".to_owned(),
            (status, _) => status.replace('_', " "),
        };
        let id = sanitize::field(row.id.as_deref().unwrap_or("(no header)")).into_owned();
        table.row([
            Cell::new(row.number.to_string(), styles.heading),
            Cell::new(id, styles.plain),
            Cell::new(created, styles.plain),
            Cell::new(thousands(row.entries), styles.plain),
            Cell::new(bytes(row.bytes), styles.plain),
            Cell::new(state, styles.plain),
        ]);
    }
    out.render(|data, _| table.write(data))
}

fn row(image: &mut FlashImage, session: &FlashSession) -> Result<Row, Failure> {
    let mut row = Row {
        number: session.number,
        id: None,
        timestamp: None,
        entries: 0,
        bytes: session.bytes,
        blocks: session.blocks,
        partial: session.partial,
        status: "unreadable",
    };
    match image.open_session(session.number) {
        Ok(log) => {
            row.id = log.header().map(|header| header.id.clone());
            row.timestamp = log.header().map(|header| header.timestamp.clone());
            row.entries = log.entry_count();
            row.status = log.health().name();
        }
        Err(Error::Io { path, op, source }) => return Err(Error::Io { path, op, source }.into()),
        // Nothing in it can be read: listed all the same.
        Err(_) => {}
    }
    Ok(row)
}

fn export(args: &Export, out: &mut Output) -> Result<(), Failure> {
    let mut image = open(&args.image)?;
    let session = image.find(&args.session)?;
    let Some(path) = &args.output else {
        let mut failed = None;
        out.render(|data, _| {
            // The writer's own failure comes back as the image's, and is the writer's all the same.
            match image.export(session.number, &mut { data }) {
                Err(Error::Io {
                    op: "export",
                    source,
                    ..
                }) => return Err(source),
                Err(error) => failed = Some(error),
                Ok(_) => {}
            }
            Ok(())
        })?;
        return failed.map_or(Ok(()), |error| Err(error.into()));
    };
    let written = super::to_new_file(path, |file| image.export(session.number, file))?;
    if out.json {
        return out.json(&serde_json::json!({ "path": super::path_text(path), "bytes": written }));
    }
    out.note(format_args!(
        "{}: session {} written, {}",
        path.display(),
        session.number,
        bytes(written)
    ));
    Ok(())
}

/// Checks the flash and its sessions. True when nothing is wrong.
pub(super) fn verify(image: &mut FlashImage, out: &mut Output) -> Result<bool, Failure> {
    let info = image.info()?;
    let sessions = image.sessions()?;
    let path = super::path_text(image.path());
    let found = damage(&info);
    let mut sound = found.is_none();
    if out.json {
        out.json(&Verdict {
            path: path.clone(),
            status: if sound { "clean" } else { "corrupt" },
            bad_headers: info.damage.bad_headers,
            bad_frames: info.damage.bad_frames,
            sessions: sessions.len(),
        })?;
    } else {
        let number = count(sessions.len() as u64, "session", "sessions");
        let shown = sanitize::field(&path);
        out.render(|data, styles| match &found {
            Some(found) => {
                let style = styles.error;
                writeln!(
                    data,
                    "{shown}: {style}damaged flash{style:#}: {found}; {number}"
                )
            }
            None => {
                let style = styles.ok;
                writeln!(data, "{shown}: {style}sound flash{style:#}, {number}")
            }
        })?;
    }
    for session in sessions {
        let name = format!("{path}, session {}", session.number);
        match image.verify_session(session.number) {
            Ok((_, verification)) => {
                sound &= verification.is_sound();
                match out.json {
                    true => {
                        let mut line = Line::of(&path, &verification);
                        line.session = Some(session.number);
                        out.json(&line)?;
                    }
                    false => super::verify::text(&name, &verification, out)?,
                }
            }
            Err(Error::Io { path, op, source }) => {
                return Err(Error::Io { path, op, source }.into());
            }
            Err(error) => {
                sound = false;
                match out.json {
                    true => {
                        let mut line = Line::unreadable(&path, error.to_string());
                        line.session = Some(session.number);
                        out.json(&line)?;
                    }
                    false => out.error(format_args!("{name}: {error}")),
                }
            }
        }
    }
    Ok(sound)
}

fn format(args: &Format, out: &mut Output) -> Result<(), Failure> {
    let mut image = FlashImage::create(
        &args.image,
        NewImage {
            size: args.size,
            block: args.block,
            unit: args.unit,
        },
    )?;
    info(&mut image, out)
}
