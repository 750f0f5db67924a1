//! Foreign sessions made sessions of a store.

use super::{
    Findings, Format, Tail, converted,
    lines::{Lines, Source},
    packed::unpacked,
    recognise_in,
};
use crate::{
    Error, FileStorage, SessionLog, SessionStore,
    copy::NewFile,
    files::{self, Open},
    flash,
    lock::open_for_writing,
    reader::{Counts, name_of},
    store::check_id,
};
use sessionlog_core::{
    EntryId, IdKind, Timestamp,
    journal::Storage,
    json::write::write_all,
    record::{LeafEntry, Totals},
};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Bytes that are copied at once.
const CHUNK: usize = 128 * 1024;

/// What an import came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A session was made.
    New,
    /// The session was there, and its source has grown: that was added.
    Grown,
    /// The session was there, with all that its source says.
    Unchanged,
    /// There is a session with this id that does not begin with what the source says: nothing was written.
    Differs,
}

/// A file that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The session's id.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// What the source was; `None` for a session of ours, and opi's version 1.
    pub format: Option<Format>,
    /// What came of it.
    pub outcome: Outcome,
    /// How many entries of which kind the source has.
    pub counts: Counts,
    /// How many of them were added.
    pub added: u64,
    /// Lines of the source that are no records: they are kept as unknown entries.
    pub corrupt: u64,
    /// The source ends within a record, which is kept likewise.
    pub torn: bool,
}

/// Imports into a store.
#[derive(Clone, Copy, Debug)]
pub struct Importer<'s> {
    store: &'s SessionStore,
    anew: bool,
}

impl<'s> Importer<'s> {
    /// Imports into `store`.
    #[must_use]
    pub fn new(store: &'s SessionStore) -> Self {
        Importer { store, anew: false }
    }

    /// Where there is another session with an id, takes a new one.
    #[must_use]
    pub fn anew(mut self, anew: bool) -> Self {
        self.anew = anew;
        self
    }

    /// Imports the session in the file at `path`. It keeps its id, so that a second import finds it: what the source has
    /// more by then is added, if nothing else was. The session is durable when this returns.
    ///
    /// # Errors
    /// [`Error::Unrecognised`], those of [`SessionLog::open`] and [`SessionStore::create_file`]; [`Error::Locked`]
    /// when the source has grown and another process writes to the session.
    pub fn import(&self, path: &Path) -> Result<Imported, Error> {
        let (file, metadata) = files::open_regular(path, Open::Read)?;
        let (file, len) = flash::session_in(path, file, metadata.len())?;
        let source = Source {
            path: path.into(),
            file,
            len,
        };
        let source = unpacked(source, u64::MAX)?;
        let format = recognise_in(&source)?;
        let (stream, findings, tail) = match format {
            Some(format) => {
                let (file, len, findings, tail) = converted(&source, format, false)?;
                let path = path.into();
                (Source { path, file, len }, findings, tail)
            }
            None => (source, Findings::default(), Tail::default()),
        };
        let handle = stream.file.try_clone().map_err(stream.failed())?;
        let log = SessionLog::read(path.into(), handle, stream.len, |_, _| {})?;
        if log.header().is_none() {
            return Err(Error::Unrecognised { path: path.into() });
        }
        let (corrupt, torn) = match format {
            Some(_) => findings.damage(),
            None => (log.health().corrupt, log.health().torn),
        };
        let mut id = usable_id(&log.id(), path);
        let mut imported = Imported {
            path: self.store.path_for(&id)?,
            id: id.clone(),
            format,
            outcome: Outcome::New,
            counts: log.counts(),
            added: log.entry_count(),
            corrupt,
            torn,
        };
        let mut there = imported.path.exists();
        if there {
            imported.added = 0;
            imported.outcome = self.update(&stream, &imported.path, &mut imported.added, &tail)?;
            if imported.outcome == Outcome::Differs && self.anew {
                id = self.store.new_id();
                imported.path = self.store.path_for(&id)?;
                imported.id.clone_from(&id);
                imported.outcome = Outcome::New;
                imported.added = log.entry_count();
                there = false;
            }
        }
        if !there {
            self.create(&stream, &id, &tail)?;
        }
        Ok(imported)
    }

    fn create(&self, stream: &Source, id: &str, tail: &Tail) -> Result<(), Error> {
        let created = self.store.create_file(id)?;
        let mut copy = NewFile::new(created.path.clone(), created.file)?;
        let mut part = stream.part(0, stream.len);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = part.read(&mut chunk).map_err(stream.failed())?;
            if read == 0 {
                break;
            }
            copy.encode(|sink| write_all(sink, &chunk[..read]))?;
        }
        let (file, bytes) = copy.written()?;
        if let Some(leaf) = leaf(&created.path, file, bytes, tail)? {
            copy.encode(|sink| write_all(sink, &leaf))?;
        }
        copy.sync()?;
        copy.keep();
        Ok(())
    }

    /// Adds to a session what its source has more.
    fn update(
        &self,
        stream: &Source,
        path: &Path,
        added: &mut u64,
        tail: &Tail,
    ) -> Result<Outcome, Error> {
        let (file, metadata) = files::open_regular(path, Open::Read)?;
        let there = Source {
            path: path.into(),
            file,
            len: metadata.len(),
        };
        let Some(from) = first_new(stream, &there)? else {
            return Ok(Outcome::Differs);
        };
        if from >= stream.len {
            return Ok(Outcome::Unchanged);
        }
        let (file, _lock) = open_for_writing(path)?;
        let now = file.metadata().map_err(Error::io(path, "open"))?.len();
        if now != there.len {
            return Err(Error::Changed { path: path.into() });
        }
        let mut storage = FileStorage::new(file).map_err(Error::io(path, "open"))?;
        let written = append(stream, from, &mut storage, added, tail, path);
        if written.is_err() {
            // As it was, if that can be done; the failure counts.
            let _ = storage.truncate(there.len);
        }
        written.map(|()| Outcome::Grown)
    }
}

fn append(
    stream: &Source,
    from: u64,
    storage: &mut FileStorage,
    added: &mut u64,
    tail: &Tail,
    path: &Path,
) -> Result<(), Error> {
    let cannot = |error: sessionlog_core::json::WriteError<io::Error>| {
        Error::io(path, "write")(io::Error::other(error.to_string()))
    };
    let mut part = stream.part(from, stream.len);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = part.read(&mut chunk).map_err(stream.failed())?;
        if read == 0 {
            break;
        }
        *added += chunk[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        write_all(storage, &chunk[..read]).map_err(cannot)?;
    }
    embedded_io::Write::flush(storage).map_err(Error::io(path, "write"))?;
    let handle = storage
        .file()
        .try_clone()
        .map_err(Error::io(path, "open"))?;
    if let Some(leaf) = leaf(path, handle, storage.len(), tail)? {
        write_all(storage, &leaf).map_err(cannot)?;
    }
    storage.sync().map_err(Error::io(path, "sync"))
}

/// The last record of an imported session, with its sums: it names the tip.
fn leaf(path: &Path, file: File, bytes: u64, tail: &Tail) -> Result<Option<Vec<u8>>, Error> {
    let Some((tip, time)) = &tail.tip else {
        return Ok(None);
    };
    let log = SessionLog::read(path.into(), file, bytes, |_, _| {})?;
    let (Some(index), Ok(entry_id)) = (log.find(tip), EntryId::try_from(&**tip)) else {
        return Ok(None);
    };
    let mut sequence = log.sequence();
    let id = EntryId::own(IdKind::Leaf, sequence.take());
    let totals = Totals {
        branch: log.branch_usage(index),
        spent: log.spent(),
        watermark: log.watermark(),
        next_seq: sequence.peek(),
    };
    let leaf = LeafEntry {
        id: &id,
        timestamp: Timestamp::parse(time).unwrap_or_default(),
        entry_id: &entry_id,
        totals: Some(&totals),
    };
    let mut line = Vec::new();
    let encoded = leaf.encode(&mut line);
    encoded.map_err(|error| Error::io(path, "write")(io::Error::other(error.to_string())))?;
    Ok(Some(line))
}

/// Where in the stream begins what the session does not have; `None` when the session has something else before that.
/// Headers are not compared, and leaves of the session that the stream has not are passed over.
fn first_new(stream: &Source, session: &Source) -> Result<Option<u64>, Error> {
    let (mut ours, mut theirs) = (session.lines(), stream.lines());
    let (header, _) = (ours.next()?.is_some(), theirs.next()?);
    if !header {
        return Ok(None);
    }
    let mut whole = true;
    while let Some(line) = theirs.next()? {
        match same_line(&mut ours, line.bytes, &mut whole)? {
            Some(true) => {}
            Some(false) => return Ok(None),
            None => return Ok(whole.then_some(line.start)),
        }
    }
    Ok(Some(stream.len))
}

/// Whether the session's next line is this one; `None` when there is none.
fn same_line(ours: &mut Lines<'_>, line: &[u8], whole: &mut bool) -> Result<Option<bool>, Error> {
    while let Some(own) = ours.next()? {
        *whole = own.ended;
        if own.bytes == line {
            return Ok(Some(true));
        }
        if !own.bytes.starts_with(b"{\"type\":\"leaf\",") {
            return Ok(Some(false));
        }
    }
    Ok(None)
}

/// The session's own id, as far as a store can have it.
fn usable_id(id: &str, path: &Path) -> String {
    if check_id(id).is_ok() {
        return id.to_owned();
    }
    let clean = |text: &str| -> String {
        let usable = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let clean: String = text
            .chars()
            .map(|c| if usable(c) { c } else { '-' })
            .collect();
        let clean = clean.trim_matches(['.', '-']);
        clean.chars().take(100).collect()
    };
    let names = [clean(id), clean(&name_of(path))];
    let usable = names.into_iter().find(|name| check_id(name).is_ok());
    usable.unwrap_or_else(|| "imported".to_owned())
}
