//! Appends, in turns of six entries.

use crate::{
    child::{self, Measured},
    peers,
};
use opi_agent::message::AgentMessage;
use opi_ai::{message::Message, stream::Usage};
use opi_coding_agent::session_coordinator::SessionCoordinator;
use serde::Deserialize;
use serde_json::value::RawValue;
use sessionlog::{NewSession, Session, SessionStore};
use sessionlog_bench::{Error, lines};
use sessionlog_core::{
    journal::{Durability, Options},
    record::Verbatim,
};
use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::Instant,
};

/// Entries in a turn.
const TURN: usize = 6;
/// Turns whose messages come again and again.
const CYCLE: usize = 50;
/// Turns after which nothing is new any more to whoever keeps buffers.
const WARM: usize = 10;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// The first messages of the session `from`, as their JSON text.
fn payloads(from: &Path) -> Result<Vec<String>, Error> {
    let mut payloads = vec![];
    lines::each(File::open(from)?, |line| {
        if payloads.len() < TURN * CYCLE
            && let Ok(line) = serde_json::from_slice::<Line<'_>>(line)
        {
            payloads.extend(line.message.map(|message| message.get().to_owned()));
        }
    })?;
    match payloads.len() == TURN * CYCLE {
        true => Ok(payloads),
        false => Err("too few messages to append".into()),
    }
}

fn messages(from: &Path) -> Result<Vec<Message>, Error> {
    let payloads = payloads(from)?.into_iter();
    payloads
        .map(|payload| Ok(serde_json::from_str(&payload)?))
        .collect()
}

/// Times so many turns, after a few that do not count. Gives also the allocations a turn.
fn run<T>(
    turns: &[T],
    count: usize,
    mut take: impl FnMut(&T) -> Result<(), Error>,
) -> Result<Measured, Error> {
    let mut next = turns.iter().cycle();
    let mut more = |count: usize| next.by_ref().take(count).try_for_each(&mut take);
    more(WARM)?;
    child::count_allocations();
    let started = Instant::now();
    more(count)?;
    Ok(Measured {
        seconds: started.elapsed().as_secs_f64(),
        count: (count * TURN) as u64,
        extra: child::allocations() as f64 / count as f64,
        ..Measured::default()
    })
}

/// Our session: one write and one sync a turn. The messages are opi's own types.
pub fn ours(from: &Path, dir: &Path, turns: usize) -> Result<Measured, Error> {
    let new = NewSession {
        cwd: "/w".into(),
        parent_session: None,
    };
    let mut session = Session::create(&SessionStore::at(dir), &new, Options::default())?;
    let messages = messages(from)?;
    let cycle: Vec<&[Message]> = messages.chunks(TURN).collect();
    let measured = run(&cycle, turns, |turn| {
        for message in *turn {
            session.append(message)?;
        }
        session.end_turn()?;
        Ok(())
    })?;
    std::fs::remove_file(session.path())?;
    Ok(measured)
}

/// opi's session: it writes and syncs each entry.
pub fn opi(from: &Path, dir: &Path, turns: usize) -> Result<Measured, Error> {
    let messages: Vec<_> = messages(from)?.into_iter().map(AgentMessage::Llm).collect();
    let cycle: Vec<&[AgentMessage]> = messages.chunks(TURN).collect();
    let mut session = SessionCoordinator::new(dir, "/w", peers::opi::CONFIG, "m")?;
    let (usage, mut at) = (Usage::default(), 0);
    let measured = run(&cycle, turns, |turn| {
        session.on_turn_end(turn, &usage, at)?;
        at += turn.len();
        Ok(())
    })?;
    std::fs::remove_file(session.session_path())?;
    Ok(measured)
}

/// Appends to our session at `path`, of any length, without syncs; the payloads are JSON already.
fn append(path: &Path, payloads: &[String], turns: usize) -> Result<Measured, Error> {
    let options = Options {
        durability: Durability::Manual,
        ..Options::default()
    };
    let mut session = Session::open(path, options)?;
    let cycle: Vec<&[String]> = payloads.chunks(TURN).collect();
    run(&cycle, turns, |turn| {
        for payload in *turn {
            session.append(&Verbatim(payload.as_bytes()))?;
        }
        session.end_turn()?;
        Ok(())
    })
}

/// Our session without syncs. The file is as before afterwards.
pub fn unsynced(from: &Path, path: &Path, turns: usize) -> Result<Measured, Error> {
    let before = std::fs::metadata(path)?.len();
    let measured = append(path, &payloads(from)?, turns);
    File::options().write(true).open(path)?.set_len(before)?;
    measured
}

/// The same bytes, ready made, by plain `write` calls: one an entry (`entry`) or one a turn (`turn`).
pub fn raw(how: &str, from: &Path, path: &Path, turns: usize) -> Result<Measured, Error> {
    let before = std::fs::metadata(path)?.len();
    append(path, &payloads(from)?, CYCLE - WARM)?;
    let mut file = File::options().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(before))?;
    let (mut cycle, mut turn) = (vec![], vec![]);
    lines::each(&file, |line| {
        turn.push([&*line, b"\n"].concat());
        // The leaf goes with the turn's last entry.
        if line.starts_with(br#"{"type":"leaf""#) {
            let leaf = turn.split_off(TURN).concat();
            turn[TURN - 1].extend(leaf);
            if how == "turn" {
                turn = vec![turn.concat()];
            }
            cycle.push(std::mem::take(&mut turn));
        }
    })?;
    file.set_len(before)?;
    file.seek(SeekFrom::End(0))?;
    let measured = run(&cycle, turns, |turn| {
        Ok(turn.iter().try_for_each(|bytes| file.write_all(bytes))?)
    });
    file.set_len(before)?;
    measured
}
