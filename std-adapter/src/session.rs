//! A session on a file, open for writing: the core's journal with a file, a lock and the system's clock.

mod extract;
mod texts;

pub use extract::SUMMARY_BYTES;

use crate::{
    Error, FileStorage, HeaderInfo, SessionStore, SystemClock, WriterLock, flash, interchange,
    lock::open_for_writing,
};
use extract::Extract;
use serde_json::value::RawValue;
use sessionlog_core::{
    EntryId,
    compaction::{Keep, Reason},
    journal::{Journal, Options, Plan, Resumed, TurnEnd},
    record::{Header, Payload},
    time::Clock,
    usage::UsageTotals,
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};
use texts::{Place, Texts, read};

/// Messages among which a compaction can choose its cut: exact for contexts of up to four times as many entries
/// with [`Keep::LastQuarter`]. 24 bytes each.
const WINDOW: usize = 4096;

/// Bytes lent for reading.
pub(crate) const READ_WINDOW: usize = 64 << 10;

type FileJournal = Journal<FileStorage, SystemClock, WINDOW>;

/// What a new session is to be.
#[derive(Clone, Debug, Default)]
pub struct NewSession {
    /// The agent's working directory.
    pub cwd: String,
    /// The id of the session that this one continues.
    pub parent_session: Option<String>,
}

/// An entry of the context, read from the file.
#[derive(Clone, Debug)]
pub struct ContextEntry {
    /// Its id.
    pub id: EntryId,
    /// What it holds.
    pub body: ContextBody,
}

/// What an entry of the context holds.
#[derive(Clone, Debug)]
pub enum ContextBody {
    /// A message's payload, byte for byte.
    Message(Box<RawValue>),
    /// A compaction's summary.
    Summary(String),
}

impl ContextEntry {
    /// The entry's text as opi joins it: the texts of the content, an image as `[image: TYPE]`; a summary's text.
    pub fn text(&self) -> String {
        match &self.body {
            ContextBody::Summary(text) => text.clone(),
            ContextBody::Message(payload) => extract::payload(payload.get()).1,
        }
    }
}

/// A session that is open for writing. One process has it at a time; any number may read the file.
///
/// What was appended and not acknowledged is dropped with it: end the turn.
pub struct Session {
    journal: Box<FileJournal>,
    resumed: Resumed,
    id: String,
    path: PathBuf,
    window: Vec<u8>,
    /// The context's entries, oldest first, while nothing has changed since they were looked up.
    places: Option<Vec<Place>>,
    _lock: WriterLock,
}

impl Session {
    /// Makes a session in `store`, with a new id. Its header is durable when this returns; when it cannot be written,
    /// no file is left.
    pub fn create(store: &SessionStore, new: &NewSession, options: Options) -> Result<Self, Error> {
        let id = store.new_id();
        let created = store.create_file(&id)?;
        let mut clock = SystemClock::new();
        let header = Header {
            id: &id,
            timestamp: clock.now(),
            cwd: &new.cwd,
            parent_session: new.parent_session.as_deref(),
            branch_name: None,
            fork_point: None,
        };
        let path = created.path;
        let journal = FileStorage::new(created.file)
            .map_err(Error::io(&path, "open"))
            .and_then(|storage| {
                let journal = Journal::create(storage, clock, &header, options);
                journal.map_err(|e| Error::journal(&path, e))
            })
            .inspect_err(|_| {
                // Nobody has been told of it.
                let _ = fs::remove_file(&path);
            })?;
        Ok(Session {
            journal: Box::new(journal),
            resumed: Resumed::default(),
            id,
            path,
            window: vec![0; READ_WINDOW],
            places: None,
            _lock: created.lock,
        })
    }

    /// Opens the session at `path` for writing: takes the writer's lock and resumes. A torn tail is repaired before
    /// the first append; opening writes nothing.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let (file, lock) = open_for_writing(path)?;
        Self::open_file(file, lock, path, options)
    }

    fn open_file(
        file: File,
        lock: WriterLock,
        path: &Path,
        options: Options,
    ) -> Result<Self, Error> {
        let mut window = vec![0; READ_WINDOW];
        let storage = FileStorage::new(file).map_err(Error::io(path, "open"))?;
        let mut places = vec![];
        let opened = Journal::open_with(
            storage,
            SystemClock::new(),
            options,
            &mut window,
            |told| match told {
                Some((item, record)) => places.extend(Place::of(item, record)),
                None => places.clear(),
            },
        );
        places.reverse();
        let (mut journal, resumed) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                interchange::refuse_foreign(path)?;
                return Err(Error::journal(path, error));
            }
        };
        if journal.head().extent.is_none() {
            flash::refuse_image(path, journal.storage().file())?;
            interchange::refuse_foreign(path)?;
        }
        let id = match journal.head().extent {
            Some(extent) => read(journal.storage(), extent)
                .ok()
                .and_then(|bytes| HeaderInfo::from_record(&bytes).ok())
                .map(|header| header.id),
            None => None,
        };
        let stem = || {
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
        };
        Ok(Session {
            journal: Box::new(journal),
            resumed,
            id: id
                .filter(|id| !id.is_empty())
                .or_else(stem)
                .unwrap_or_default(),
            path: path.to_owned(),
            window,
            places: Some(places),
            _lock: lock,
        })
    }

    /// Appends a message and gives its id; see [`Journal::append`] for what is durable when.
    pub fn append<P: Payload + ?Sized>(&mut self, payload: &P) -> Result<EntryId, Error> {
        self.places = None;
        let appended = self.journal.append(payload);
        appended.map_err(|e| Error::journal(&self.path, e))
    }

    /// Ends a turn; see [`Journal::end_turn`].
    pub fn end_turn(&mut self) -> Result<TurnEnd, Error> {
        self.places = None;
        let ended = self.journal.end_turn();
        ended.map_err(|e| Error::journal(&self.path, e))
    }

    /// Drops what was appended since the last acknowledgement.
    pub fn abandon_turn(&mut self) {
        self.places = None;
        self.journal.abandon_turn();
    }

    /// Makes everything durable that was appended.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.places = None;
        let synced = self.journal.sync();
        synced.map_err(|e| Error::journal(&self.path, e))
    }

    /// Whether a compaction is due by the triggers.
    pub fn compaction_due(&self) -> Option<Reason> {
        self.journal.compaction_due()
    }

    /// Plans a compaction, and writes nothing.
    ///
    /// Errors: [`Error::NothingToCompact`].
    pub fn plan(&mut self, reason: Reason, keep: Keep) -> Result<Plan, Error> {
        let plan = self.journal.plan(reason, keep, &mut self.window);
        plan.map_err(|e| Error::plan(&self.path, e))
    }

    /// The entries that a planned compaction replaces by its summary, oldest first.
    pub fn compacted(&mut self, plan: &Plan) -> Result<Vec<ContextEntry>, Error> {
        let places = self.compacted_places(plan)?;
        let mut texts = self.texts();
        places.iter().map(|place| texts.entry(place)).collect()
    }

    /// A plain extract of what a planned compaction replaces, at most [`SUMMARY_BYTES`]: an earlier summary's text, then
    /// what the user said and each turn's last answer, in order. Where that is too much, it is the middle that is left out.
    pub fn default_summary(&mut self, plan: &Plan) -> Result<String, Error> {
        let places = self.compacted_places(plan)?;
        let (mut extract, mut texts) = (Extract::default(), self.texts());
        for place in &places {
            extract.add(&texts.entry(place)?);
        }
        Ok(extract.finish())
    }

    /// Commits a compaction; see [`Journal::commit`].
    pub fn commit(&mut self, plan: &Plan, summary: &str) -> Result<EntryId, Error> {
        self.places = None;
        let committed = self.journal.commit(plan, summary);
        committed.map_err(|e| Error::journal(&self.path, e))
    }

    /// Makes an earlier entry the tip, durably; gives the leaf's id.
    ///
    /// Errors: [`Error::NoSuchEntry`].
    pub fn move_tip(&mut self, entry: &str) -> Result<EntryId, Error> {
        let no_such_entry = || Error::NoSuchEntry {
            path: self.path.clone(),
            id: entry.to_owned(),
        };
        let target = EntryId::try_from(entry).map_err(|_| no_such_entry())?;
        self.places = None;
        match self.journal.move_tip(&target, &mut self.window) {
            Ok(leaf) => Ok(leaf),
            Err(sessionlog_core::journal::JournalError::NoSuchEntry) => Err(no_such_entry()),
            Err(error) => Err(Error::journal(&self.path, error)),
        }
    }

    /// The context, oldest first, with its payloads.
    pub fn context(&mut self) -> Result<Vec<ContextEntry>, Error> {
        let places = self.context_places()?;
        let mut texts = self.texts();
        let entries = places.iter().map(|place| texts.entry(place)).collect();
        self.places = Some(places);
        entries
    }

    fn compacted_places(&mut self, plan: &Plan) -> Result<Vec<Place>, Error> {
        let mut places = self.context_places()?;
        let compacted = places.len().saturating_sub(plan.cut.kept);
        places.truncate(compacted);
        Ok(places)
    }

    fn context_places(&mut self) -> Result<Vec<Place>, Error> {
        if let Some(places) = self.places.take() {
            return Ok(places);
        }
        let mut places = vec![];
        let path = &self.path;
        let replay = self.journal.context(&mut self.window);
        let mut replay = replay.map_err(|e| Error::replay(path, e))?;
        while let Some(item) = replay.next().map_err(|e| Error::replay(path, e))? {
            places.extend(Place::of(item, replay.record()));
        }
        places.reverse();
        Ok(places)
    }

    fn texts(&mut self) -> Texts<'_> {
        Texts::new(&self.path, self.journal.storage(), &mut self.window)
    }

    /// The session's id: from its header, or else its file's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The session's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tip.
    pub fn tip(&self) -> Option<EntryId> {
        self.journal.tip()
    }

    /// What was found when the session was opened.
    pub fn resumed(&self) -> &Resumed {
        &self.resumed
    }

    /// Whether the torn tail, if there is one, stays when something is appended, as part of a corrupt line: it may hold a
    /// whole record, or stands on the line of one. Else it is cut off. Reads it.
    pub fn keeps_torn_tail(&mut self) -> Result<bool, Error> {
        let Some(at) = self.resumed.notes.torn_at else {
            return Ok(false);
        };
        if self.resumed.fused {
            return Ok(true);
        }
        let holds = self.journal.storage().may_hold_record(at);
        holds.map_err(Error::io(&self.path, "read"))
    }

    /// Usage and turns of the branch.
    pub fn branch_usage(&self) -> UsageTotals {
        self.journal.branch_usage()
    }

    /// Usage of all that this session itself spent, abandoned branches included.
    pub fn spent(&self) -> UsageTotals {
        self.journal.spent()
    }

    /// Tokens of the context, reported or estimated.
    pub fn context_tokens(&self) -> u64 {
        self.journal.context_tokens()
    }
}

#[cfg(test)]
mod tests;
