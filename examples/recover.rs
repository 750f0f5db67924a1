//! A power cut in the middle of a write: what is lost, what is not, and how the session goes on.
//!
//! ```text
//! cargo run -p sessionlog --example recover
//! ```

use sessionlog::{NewSession, Session, SessionLog, SessionStore};
use sessionlog_core::{
    journal::Options,
    payload::{InputContent, UserMessage},
};
use std::{error::Error, fs::File, path::Path};

fn say(session: &mut Session, text: &str) -> Result<(), sessionlog::Error> {
    let content = [InputContent::text(text)];
    let message = UserMessage {
        content: &content,
        timestamp_ms: 0,
    };
    session.append(&message)?;
    session.end_turn()?;
    Ok(())
}

fn show(when: &str, path: &Path) -> Result<(), sessionlog::Error> {
    let log = SessionLog::open(path)?;
    println!("{when}: {}, {} bytes", log.health().name(), log.bytes());
    for problem in log.problems() {
        println!(
            "  line {}, byte {}: {}",
            problem.line, problem.byte, problem.kind
        );
    }
    for index in log.context().messages {
        let text = log.first_text(index, 60)?.unwrap_or_default();
        let id = log.node(index).and_then(|node| node.id).unwrap_or("?");
        println!("  {id}: {text}");
    }
    Ok(())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = SessionStore::at(dir.path());
    let mut session = Session::create(&store, &NewSession::default(), Options::default())?;
    let path = session.path().to_owned();
    say(&mut session, "this turn was acknowledged")?;
    let acknowledged = std::fs::metadata(&path)?.len();
    say(
        &mut session,
        "this one was being written when the power went",
    )?;
    drop(session);
    show("recorded", &path)?;

    // As if only a part of the second turn had reached the disk.
    let cut_at = acknowledged + 70;
    File::options().write(true).open(&path)?.set_len(cut_at)?;
    show("after the power cut", &path)?;

    // Opening writes nothing; the first append cuts the torn tail off.
    let mut session = Session::open(&path, Options::default())?;
    let found = session.resumed().notes;
    println!(
        "resumed: {}, torn from byte {} on",
        found.health.name(),
        found.torn_at.unwrap_or(cut_at)
    );
    assert_eq!(found.torn_at, Some(acknowledged));
    say(&mut session, "said again")?;
    drop(session);
    show("after another turn", &path)?;
    assert!(SessionLog::open(&path)?.health().is_clean());
    Ok(())
}
