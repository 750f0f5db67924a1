//! A process that writes to sessions and says on its output what was acknowledged, so that a test can kill it, race it
//! or take its space away.
//!
//! - `turns PATH MODE SEED`: opens the session and appends turns without end, with compactions and moves of the tip
//!   among them. A line for each entry once it is promised: `msg ID N`, `cmp ID`, `leaf ID`; N is the number of
//!   [`payload`]. In manual mode `end_turn` is what promises: it hands over, which outlasts a kill.
//! - `open PATH`: opens the session, says `open`, and holds it until its input ends.
//! - `create DIR COUNT`: creates sessions with a turn each, and says the id of each.
//! - `fill PATH MODE COUNT LEN`: appends COUNT messages of LEN bytes, a turn each; says `msg ID N` for each, or
//!   `failed N: ERROR` (in entry mode also where only the turn's end failed), and goes on. At an empty line on its input it does that again; at its end it stops.

use sessionlog::{NewSession, Session, SessionStore};
use sessionlog_core::{
    EntryId,
    compaction::{Keep, Reason},
    journal::{Durability, Options},
    record::Verbatim,
};
use sessionlog_tests::load::{Rng, payload, sized_payload};
use std::{
    error::Error,
    io::{self, BufRead as _, Write as _},
    path::Path,
    process::ExitCode,
};

type Done = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["turns", path, mode, seed] => number(seed).and_then(|seed| turns(path, mode, seed)),
        ["open", path] => open(path),
        ["create", dir, count] => number(count).and_then(|count| create(dir, count)),
        ["fill", path, mode, count, len] => {
            number(count).and_then(|count| fill(path, mode, count, number(len)?))
        }
        _ => Err("turns | open | create | fill".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<u64, Box<dyn Error>> {
    Ok(text.parse()?)
}

fn options(mode: &str) -> Result<Options, Box<dyn Error>> {
    let durability = match mode {
        "entry" => Durability::Entry,
        "turn" => Durability::Turn,
        "manual" => Durability::Manual,
        _ => return Err("entry, turn or manual".into()),
    };
    Ok(Options {
        durability,
        ..Options::default()
    })
}

/// One write, so that a kill leaves a whole line or a torn one.
fn say(words: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(words.as_bytes())?;
    out.flush()
}

fn turns(path: &str, mode: &str, seed: u64) -> Done {
    let options = options(mode)?;
    let each = options.durability == Durability::Entry;
    let mut session = Session::open(Path::new(path), options)?;
    say("open\n")?;
    let mut rng = Rng::new(seed);
    let mut known: Vec<EntryId> = Vec::new();
    let mut n = 0;
    loop {
        let mut promised = String::new();
        for _ in 0..=rng.below(4) {
            let id = session.append(&Verbatim(payload(seed, n).as_bytes()))?;
            promised.push_str(&format!("msg {id} {n}\n"));
            known.push(id);
            n += 1;
            if each {
                say(&std::mem::take(&mut promised))?;
            }
        }
        if let Some(leaf) = session.end_turn()?.leaf {
            promised.push_str(&format!("leaf {leaf}\n"));
        }
        say(&promised)?;
        if options.durability == Durability::Manual && rng.one_in(8) {
            session.sync()?;
        }
        if rng.one_in(10) {
            let plan = session.plan(Reason::Manual, Keep::LastQuarter);
            // Too little to compact is no failure.
            if let Ok(plan) = plan {
                say(&format!(
                    "cmp {}\n",
                    session.commit(&plan, "what was said")?
                ))?;
            }
        }
        if rng.one_in(10) {
            let target = rng.pick(&known);
            say(&format!("leaf {}\n", session.move_tip(target.as_str())?))?;
        }
    }
}

fn open(path: &str) -> Done {
    let _session = Session::open(Path::new(path), Options::default())?;
    say("open\n")?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}

fn create(dir: &str, count: u64) -> Done {
    let store = SessionStore::at(dir);
    for n in 0..count {
        let mut session = Session::create(&store, &NewSession::default(), Options::default())?;
        let text = payload(u64::from(std::process::id()), n);
        session.append(&Verbatim(text.as_bytes()))?;
        session.end_turn()?;
        say(&format!("{}\n", session.id()))?;
    }
    Ok(())
}

fn fill(path: &str, mode: &str, count: u64, len: u64) -> Done {
    let options = options(mode)?;
    let mut session = Session::open(Path::new(path), options)?;
    let mut go_on = io::stdin().lock().lines();
    let mut n = 0;
    loop {
        for _ in 0..count {
            let text = sized_payload(n, len, &mut Rng::new(n));
            let id = match session.append(&Verbatim(text.as_bytes())) {
                Ok(id) => id,
                Err(error) => {
                    say(&format!("failed {n}: {error}\n"))?;
                    n += 1;
                    continue;
                }
            };
            // In entry mode the message is safe by now, whatever becomes of the turn's end.
            if options.durability == Durability::Entry {
                say(&format!("msg {id} {n}\n"))?;
            }
            let ended = session.end_turn().and_then(|_| match options.durability {
                Durability::Manual => session.sync(),
                _ => Ok(()),
            });
            match ended {
                Ok(()) if options.durability == Durability::Entry => {}
                Ok(()) => say(&format!("msg {id} {n}\n"))?,
                Err(error) => say(&format!("failed {n}: {error}\n"))?,
            }
            n += 1;
        }
        say("done\n")?;
        match go_on.next() {
            Some(line) => line?,
            None => return Ok(()),
        };
    }
}
