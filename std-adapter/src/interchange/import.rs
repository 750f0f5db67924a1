//! Foreign sessions made sessions of a store.
//!
//! A session that another agent goes on writing to is imported again and again. Whether its source has grown is told by the
//! source's own bytes: the header notes how many were taken. What was made of them may have changed at its end (an
//! answer's usage comes later, a torn line is whole), so the session is made anew and replaces the old file, by one rename,
//! if nobody else has written to it. Sessions of ours and of opi's version 1 are copies, and what is new is added to them.

mod mark;
mod write;

pub(crate) use mark::Before;

use super::{
    Findings, Format, Tail, converted,
    json::Members,
    lines::{Lines, Source},
    packed::unpacked,
    places::is_backup,
    recognise_in,
};
use crate::{
    Error, SessionLog, SessionStore,
    files::{self, Open},
    flash,
    lock::{WriterLock, open_locked},
    prune::ARCHIVE,
    reader::{Counts, name_of},
    store::{EXTENSION, check_id},
};
use mark::Mark;
use std::{
    fs,
    path::{Path, PathBuf},
};
use write::{Made, grow};

/// Sessions made of one source with `--anew` that are looked for at most.
const MAX_COPIES: u32 = 1_000;

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
    /// The source has grown, and the session was gone on with here: nothing was written.
    Continued,
}

/// A file that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The session's id.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// It was put away before: the file is in the store's archive.
    pub archived: bool,
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
    /// The source ends within a record: it is being written, or was cut off. A foreign one is kept likewise, until the
    /// source has it whole; of a session of ours, or opi's version 1, it is left out.
    pub torn: bool,
}

/// Imports into a store.
#[derive(Clone, Copy, Debug)]
pub struct Importer<'s> {
    store: &'s SessionStore,
    anew: bool,
}

/// What is imported.
struct Taken<'t> {
    /// The file, unpacked.
    source: &'t Source,
    /// What was made of it.
    stream: &'t Source,
    log: &'t SessionLog,
    tail: &'t Tail,
    /// How much of the source is whole lines.
    whole: u64,
    foreign: bool,
}

impl Taken<'_> {
    /// The id that it has, or had before it was imported the first time.
    fn id(&self) -> Result<String, Error> {
        let before = match self.foreign {
            true => None,
            false => Before::read(self.stream)?.id,
        };
        Ok(before.unwrap_or_else(|| self.log.id()))
    }
}

impl<'s> Importer<'s> {
    /// Imports into `store`.
    #[must_use]
    pub fn new(store: &'s SessionStore) -> Self {
        Importer { store, anew: false }
    }

    /// Where there is another session with an id, takes a new one: `ID-2`, `ID-3` and so on, and the same one again.
    #[must_use]
    pub fn anew(mut self, anew: bool) -> Self {
        self.anew = anew;
        self
    }

    /// Imports the session in the file at `path`. It keeps its id, so that a second import finds it, in the store or in
    /// its archive: what the source has more by then is taken, if nobody went on with the session meanwhile. The session
    /// is durable when this returns.
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
        let (mut stream, findings, tail) = match format {
            Some(format) => {
                let (file, len, findings, tail) = converted(&source, format, false)?;
                let path = path.into();
                (Source { path, file, len }, findings, tail)
            }
            None => {
                let file = source.file.try_clone().map_err(source.failed())?;
                let path = path.into();
                let copy = Source {
                    path,
                    file,
                    ..source
                };
                (copy, Findings::default(), Tail::default())
            }
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
        let whole = match torn {
            true => mark::whole_lines(&source)?,
            false => source.len,
        };
        if format.is_none() {
            stream.len = whole;
        }
        let mut imported = Imported {
            path: path.into(),
            id: log.id(),
            archived: false,
            format,
            outcome: Outcome::Unchanged,
            counts: log.counts(),
            added: 0,
            corrupt,
            torn,
        };
        if format.is_none() && self.holds(path) {
            return Ok(imported);
        }
        let taken = Taken {
            source: &source,
            stream: &stream,
            log: &log,
            tail: &tail,
            whole,
            foreign: format.is_some(),
        };
        // A backup says what the session itself said before: they are two.
        let name = path.file_name().and_then(|name| name.to_str());
        let wanted = match format {
            Some(Format::Claw) if name.is_some_and(is_backup) => usable_id(&name_of(path), path),
            _ => usable_id(&log.id(), path),
        };
        self.take_in(&taken, &wanted, &mut imported)?;
        Ok(imported)
    }

    /// Makes a session of it, or brings the one that is there up to date.
    fn take_in(
        &self,
        taken: &Taken<'_>,
        wanted: &str,
        imported: &mut Imported,
    ) -> Result<(), Error> {
        for number in 1..=MAX_COPIES {
            imported.id = match number {
                1 => wanted.to_owned(),
                MAX_COPIES => self.store.new_id(),
                number => format!("{wanted}-{number}"),
            };
            if check_id(&imported.id).is_err() {
                imported.id = self.store.new_id();
            }
            imported.path = self.store.path_for(&imported.id)?;
            let away = self.store.dir().join(ARCHIVE);
            let away = away.join(format!("{}.{EXTENSION}", imported.id));
            imported.archived = !imported.path.exists() && away.exists();
            if imported.archived {
                imported.path = away;
            } else if !imported.path.exists() || is_empty(&imported.path) {
                imported.outcome = Outcome::New;
                imported.added = taken.log.entry_count();
                return self.create(taken, imported);
            }
            imported.added = 0;
            imported.outcome = match taken.foreign {
                true => renew(taken, imported)?,
                false => add(taken, imported)?,
            };
            let refused = matches!(imported.outcome, Outcome::Differs | Outcome::Continued);
            if !refused || !self.anew {
                break;
            }
        }
        Ok(())
    }

    /// Makes a session: its name is taken first, and the file replaced when all of it is there.
    fn create(&self, taken: &Taken<'_>, imported: &Imported) -> Result<(), Error> {
        let (made, path) = (Made::of(taken, &imported.id)?, &imported.path);
        // An empty one was left behind by an import that was stopped.
        let _lock = match path.exists() {
            true => open_locked(path, Open::WriteNoFollow)?.1,
            false => self.store.create_file(&imported.id)?.lock,
        };
        let written = made.replace(taken.stream, path);
        if written.is_err() && is_empty(path) {
            // The failure counts.
            let _ = fs::remove_file(path);
        }
        written
    }

    /// The file is one of the store's own, or of its archive: it is there already.
    fn holds(&self, path: &Path) -> bool {
        let dir = files::dir_of(path).canonicalize();
        let own = [self.store.dir().to_owned(), self.store.dir().join(ARCHIVE)];
        dir.is_ok_and(|dir| {
            own.iter()
                .any(|own| own.canonicalize().is_ok_and(|own| own == dir))
        })
    }
}

fn is_empty(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_file() && there.len() == 0)
}

fn opened(path: &Path) -> Result<Source, Error> {
    let (file, metadata) = files::open_regular(path, Open::Read)?;
    Ok(Source {
        path: path.into(),
        file,
        len: metadata.len(),
    })
}

/// Makes a session anew of a source that has grown, unless somebody else has written to it.
fn renew(taken: &Taken<'_>, imported: &mut Imported) -> Result<Outcome, Error> {
    let there = opened(&imported.path)?;
    if is_of_another(taken, &there)? {
        return Ok(Outcome::Differs);
    }
    let (from, _) = first_new(taken.stream, &there)?;
    if from.is_some_and(|from| from >= taken.stream.len) {
        return Ok(Outcome::Unchanged);
    }
    let Some(mark) = Mark::read(&there)? else {
        return Ok(Outcome::Differs);
    };
    let begins_so = mark.begins(taken.source)?;
    if begins_so && mark.len == taken.source.len {
        return Ok(Outcome::Unchanged);
    }
    if !begins_so && from.is_none() {
        return Ok(Outcome::Differs);
    }
    if !mark.ends(&there)? {
        return Ok(Outcome::Continued);
    }
    let _lock = lock_as_read(&there)?;
    Made::of(taken, &imported.id)?.replace(taken.stream, &imported.path)?;
    imported.added = taken.log.entry_count().saturating_sub(mark.entries);
    Ok(Outcome::Grown)
}

/// Adds to a copy what its source has more, in a new file that replaces it, unless somebody else has written to it.
fn add(taken: &Taken<'_>, imported: &mut Imported) -> Result<Outcome, Error> {
    let there = opened(&imported.path)?;
    if is_of_another(taken, &there)? {
        return Ok(Outcome::Differs);
    }
    let (from, leaves) = first_new(taken.stream, &there)?;
    let Some(from) = from else {
        return Ok(match begins_alike(taken.stream, &there)? {
            true => Outcome::Continued,
            false => Outcome::Differs,
        });
    };
    if from >= taken.stream.len {
        return Ok(Outcome::Unchanged);
    }
    if leaves > 0 {
        // Its tip was moved here.
        return Ok(Outcome::Continued);
    }
    let _lock = lock_as_read(&there)?;
    imported.added = grow(&there, taken.stream, from, &imported.path)?;
    Ok(Outcome::Grown)
}

/// The session was made of one with another id, whatever it says: several ids can become one file's name.
fn is_of_another(taken: &Taken<'_>, there: &Source) -> Result<bool, Error> {
    let before = Before::read(there)?.id;
    match before {
        Some(before) => Ok(before != taken.id()?),
        None => Ok(false),
    }
}

/// Locks a session that was read without a lock, unless somebody has written to it since.
fn lock_as_read(there: &Source) -> Result<WriterLock, Error> {
    let path = &there.path;
    let (file, lock) = open_locked(path, Open::WriteNoFollow)?;
    let now = file.metadata().map_err(Error::io(path, "open"))?.len();
    match now == there.len {
        true => Ok(lock),
        false => Err(Error::Changed { path: path.clone() }),
    }
}

/// They have their first record in common, the headers not counted: each was gone on with.
fn begins_alike(stream: &Source, session: &Source) -> Result<bool, Error> {
    let (mut ours, mut theirs) = (session.lines(), stream.lines());
    let (_, _) = (ours.next()?.is_some(), theirs.next()?.is_some());
    Ok(match (ours.next()?, theirs.next()?) {
        (Some(ours), Some(theirs)) => ours.bytes == theirs.bytes,
        _ => false,
    })
}

/// Where in the stream begins what the session does not have; `None` when the session has something else before that.
/// Headers are not compared, and leaves of the session that the stream has not are passed over, and counted. Of a session whose
/// beginning was put away, only what is left is compared.
fn first_new(stream: &Source, session: &Source) -> Result<(Option<u64>, u64), Error> {
    let (mut ours, mut theirs) = (session.lines(), stream.lines());
    let header = ours.next()?.map(|line| {
        let header = line.object().ok().and_then(Members::parse);
        header.is_some_and(|header| header.is_true("reclaimed"))
    });
    let (Some(reclaimed), _) = (header, theirs.next()?) else {
        return Ok((None, 0));
    };
    let (mut whole, mut leaves) = (true, 0);
    if reclaimed {
        let first = ours.next()?.map(|line| line.bytes.to_vec());
        loop {
            match theirs.next()? {
                Some(line) if Some(line.bytes) == first.as_deref() => break,
                Some(_) => {}
                None => return Ok((None, 0)),
            }
        }
    }
    while let Some(line) = theirs.next()? {
        match same_line(&mut ours, line.bytes, &mut whole, &mut leaves)? {
            Some(true) => {}
            Some(false) => return Ok((None, leaves)),
            None => return Ok((whole.then_some(line.start), leaves)),
        }
    }
    Ok((Some(stream.len), leaves))
}

/// Whether the session's next line is this one; `None` when there is none.
fn same_line(
    ours: &mut Lines<'_>,
    line: &[u8],
    whole: &mut bool,
    leaves: &mut u64,
) -> Result<Option<bool>, Error> {
    while let Some(own) = ours.next()? {
        *whole = own.ended;
        if own.bytes == line {
            return Ok(Some(true));
        }
        if !own.bytes.starts_with(b"{\"type\":\"leaf\",") {
            return Ok(Some(false));
        }
        *leaves += 1;
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

#[cfg(test)]
mod tests;
