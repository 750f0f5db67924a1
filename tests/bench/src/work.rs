//! Our own paths, each as work of a size that the caller chooses: what `benches/` times and `ci/instructions` counts.

use crate::{
    Error, START_MS,
    foreign::{self, Parents},
    session::{self, Shape},
    shapes::{self, Tree},
    text::Corpus,
};
use sessionlog::{NewSession, Session, SessionLog, SessionStore, SessionTree, verify};
use sessionlog_core::{
    EntryId, IdKind, Timestamp,
    journal::{Durability, Options},
    payload::{InputContent, UserMessage},
    record::{Limits, MessageEntry, Payload, Verbatim},
    recovery::{Event, Framer},
};
use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
};

/// Bytes of the text that is appended and encoded.
const TEXT_BYTES: usize = 2_000;
/// Entries in a turn.
const TURN: u64 = 6;

/// Work that can be done again and again.
pub type Task = Box<dyn FnMut() -> Result<(), Error>>;

/// One of our paths.
#[derive(Clone, Copy)]
pub struct Work {
    /// Its name.
    pub name: &'static str,
    /// What its size counts.
    pub unit: &'static str,
    /// Two sizes: what the second costs more is the cost of the units between.
    pub sizes: [u64; 2],
    /// Makes the files of one size, unless they are there.
    pub make: fn(&Place<'_>) -> Result<(), Error>,
    /// The work on these files.
    pub task: fn(&Place<'_>) -> Result<Task, Error>,
}

/// Where work of one size has its files.
pub struct Place<'a> {
    /// A directory.
    pub dir: &'a Path,
    /// The size, in the work's units.
    pub size: u64,
}

impl Place<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}-{}.jsonl", self.size))
    }

    fn session(&self) -> PathBuf {
        self.file("session")
    }
}

/// Lengths of sessions.
const BYTES: [u64; 2] = [1_000_000, 3_000_000];

/// Every path.
pub const ALL: [Work; 10] = [
    Work {
        name: "scan",
        unit: "byte",
        sizes: BYTES,
        make: make_session,
        task: scan,
    },
    Work {
        name: "verify",
        unit: "byte",
        sizes: BYTES,
        make: make_session,
        task: verify_file,
    },
    Work {
        name: "resume",
        unit: "resume",
        sizes: [1, 3],
        make: make_session_to_resume,
        task: resume,
    },
    Work {
        name: "resume-foreign",
        unit: "byte",
        sizes: BYTES,
        make: make_foreign,
        task: resume_foreign,
    },
    Work {
        name: "torn-tail",
        unit: "byte",
        sizes: BYTES,
        make: make_torn,
        task: torn_tail,
    },
    Work {
        name: "append",
        unit: "entry",
        sizes: [300, 900],
        make: make_nothing,
        task: append_typed,
    },
    Work {
        name: "append-verbatim",
        unit: "entry",
        sizes: [300, 900],
        make: make_nothing,
        task: append_verbatim,
    },
    Work {
        name: "encode",
        unit: "byte",
        sizes: BYTES,
        make: make_nothing,
        task: encode,
    },
    Work {
        name: "list",
        unit: "session",
        sizes: [20, 60],
        make: make_list,
        task: list,
    },
    Work {
        name: "tree",
        unit: "entry",
        sizes: [2_000, 6_000],
        make: make_tree,
        task: tree,
    },
];

fn unless_there(path: &Path, make: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    if path.exists() { Ok(()) } else { make(path) }
}

fn make_nothing(_: &Place<'_>) -> Result<(), Error> {
    Ok(())
}

fn make_session(at: &Place<'_>) -> Result<(), Error> {
    unless_there(&at.session(), |path| {
        session::write(path, &Shape::of(at.size), &Corpus::default()).map(drop)
    })
}

fn make_session_to_resume(at: &Place<'_>) -> Result<(), Error> {
    make_session(&Place {
        size: BYTES[0],
        ..*at
    })
}

fn make_foreign(at: &Place<'_>) -> Result<(), Error> {
    make_session(at)?;
    unless_there(&at.file("foreign"), |path| {
        foreign::copy(&at.session(), path, Parents::Null).map(drop)
    })
}

fn make_torn(at: &Place<'_>) -> Result<(), Error> {
    unless_there(&at.file("torn"), |path| {
        let corpus = Corpus::default();
        session::write(path, &Shape::of(100_000), &corpus)?;
        shapes::tear(path, usize::try_from(at.size)?, &corpus)
    })
}

fn make_list(at: &Place<'_>) -> Result<(), Error> {
    unless_there(&at.dir.join(format!("list-{}", at.size)), |dir| {
        fs::create_dir(dir)?;
        let corpus = Corpus::default();
        for seed in 0..at.size {
            let shape = Shape {
                seed,
                bytes: 100_000,
                id: format!("s{seed}"),
            };
            session::write(&dir.join(format!("s{seed}.jsonl")), &shape, &corpus)?;
        }
        Ok(())
    })
}

fn make_tree(at: &Place<'_>) -> Result<(), Error> {
    unless_there(&at.file("tree"), |path| {
        shapes::write(path, Tree::Forks, at.size)
    })
}

/// The core's framer over bytes in memory, in the pieces that a file is read in.
fn scan(at: &Place<'_>) -> Result<Task, Error> {
    let bytes = fs::read(at.session())?;
    Ok(Box::new(move || {
        let mut framer = Framer::new(Limits::default(), 0, 1);
        let mut records = 0_u64;
        for chunk in bytes.chunks(128 * 1024) {
            let end = framer.offset() + chunk.len() as u64;
            while framer.offset() < end {
                let rest = usize::try_from(end - framer.offset())?;
                if let Some(event) = framer.feed(&chunk[chunk.len() - rest..]) {
                    records += u64::from(matches!(event, Event::Record(_)));
                }
            }
        }
        black_box(records);
        Ok(())
    }))
}

fn verify_file(at: &Place<'_>) -> Result<Task, Error> {
    let path = at.session();
    Ok(Box::new(move || {
        let sound = verify(&path)?.is_sound();
        sound.then_some(()).ok_or_else(|| "not sound".into())
    }))
}

/// As many times as the size says.
fn resume(at: &Place<'_>) -> Result<Task, Error> {
    let path = Place {
        size: BYTES[0],
        ..*at
    }
    .session();
    let times = at.size;
    Ok(Box::new(move || {
        for _ in 0..times {
            let mut session = Session::open(&path, Options::default())?;
            black_box(session.context()?);
        }
        Ok(())
    }))
}

fn opens(path: PathBuf) -> Task {
    Box::new(move || {
        black_box(Session::open(&path, Options::default())?);
        Ok(())
    })
}

fn resume_foreign(at: &Place<'_>) -> Result<Task, Error> {
    Ok(opens(at.file("foreign")))
}

fn torn_tail(at: &Place<'_>) -> Result<Task, Error> {
    Ok(opens(at.file("torn")))
}

fn text() -> String {
    let mut rng = crate::rng::Rng::new(7);
    Corpus::default().slice(&mut rng, TEXT_BYTES).to_owned()
}

/// Appends as many entries as the size says to a new session, which is removed with the task's directory.
fn append<P: Payload + ?Sized>(at: &Place<'_>, payload: &P) -> Result<(), Error> {
    let new = NewSession {
        cwd: "/w".into(),
        parent_session: None,
    };
    let options = Options {
        durability: Durability::Manual,
        ..Options::default()
    };
    let mut session = Session::create(&SessionStore::at(at.dir.join("append")), &new, options)?;
    for number in 1..=at.size {
        session.append(payload)?;
        if number % TURN == 0 {
            session.end_turn()?;
        }
    }
    fs::remove_file(session.path())?;
    Ok(())
}

fn append_typed(at: &Place<'_>) -> Result<Task, Error> {
    let (dir, size, text) = (at.dir.to_owned(), at.size, text());
    Ok(Box::new(move || {
        let content = [InputContent::text(&text)];
        let message = UserMessage {
            content: &content,
            timestamp_ms: START_MS,
        };
        append(&Place { dir: &dir, size }, &message)
    }))
}

fn append_verbatim(at: &Place<'_>) -> Result<Task, Error> {
    let (dir, size) = (at.dir.to_owned(), at.size);
    let content = serde_json::to_string(&text())?;
    let json = format!(
        r#"{{"role":"user","content":[{{"type":"text","text":{content}}}],"timestamp_ms":0}}"#
    );
    Ok(Box::new(move || {
        append(&Place { dir: &dir, size }, &Verbatim(json.as_bytes()))
    }))
}

fn encode(at: &Place<'_>) -> Result<Task, Error> {
    let (size, text) = (usize::try_from(at.size)?, text());
    let mut sink = Vec::with_capacity(size + 2 * TEXT_BYTES);
    Ok(Box::new(move || {
        let content = [InputContent::text(&text)];
        let message = UserMessage {
            content: &content,
            timestamp_ms: START_MS,
        };
        sink.clear();
        while sink.len() < size {
            let entry = MessageEntry {
                id: &EntryId::own(IdKind::Message, 2),
                parent_id: Some(&EntryId::own(IdKind::Message, 1)),
                timestamp: Timestamp::from_unix_ms(START_MS),
                message: &message,
            };
            entry.encode(&mut sink).map_err(|e| format!("{e:?}"))?;
        }
        black_box(&sink);
        Ok(())
    }))
}

fn list(at: &Place<'_>) -> Result<Task, Error> {
    let store = SessionStore::at(at.dir.join(format!("list-{}", at.size)));
    Ok(Box::new(move || {
        black_box(store.list()?);
        Ok(())
    }))
}

fn tree(at: &Place<'_>) -> Result<Task, Error> {
    let path = at.file("tree");
    Ok(Box::new(move || {
        black_box(SessionTree::of(&SessionLog::open(&path)?)?);
        Ok(())
    }))
}
