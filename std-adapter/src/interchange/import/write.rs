//! An imported session's file, as it is written.

use super::{Taken, mark, mark::Mark};
use crate::{
    Error,
    copy::{NewFile, counted, last_leaf, sealed_line},
    files,
    interchange::{
        json::{Members, document, put_text},
        lines::Source,
    },
};
use sessionlog_core::{EntryId, Timestamp, crc::Crc32, json::write::write_all};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Bytes that are copied at once.
const CHUNK: usize = 128 * 1024;

/// What stands around the stream's records.
pub(super) struct Made {
    header: Vec<u8>,
    /// Where the records begin in the stream.
    from: u64,
    leaf: Option<Vec<u8>>,
}

impl Made {
    /// Of what is taken, for a session called `id`.
    pub(super) fn of(taken: &Taken<'_>, id: &str) -> Result<Self, Error> {
        let leaf = leaf(taken)?;
        let mark = match taken.foreign {
            true => {
                let entries = taken.log.entry_count();
                let mut mark = Mark::of(taken.source, taken.whole, entries)?;
                mark.last = match &leaf {
                    Some(leaf) => Some(Crc32::of(leaf.trim_ascii_end())),
                    None => mark::last(taken.stream)?,
                };
                mark.next = Some(taken.log.sequence().peek());
                mark.id = Some(taken.log.id()).filter(|own| own != id);
                Some(mark)
            }
            false => None,
        };
        let mut lines = taken.stream.lines();
        lines.next()?;
        let (header, from) = match lines.next()? {
            Some(second) => (second.start, second.start),
            None => (taken.stream.len, taken.stream.len),
        };
        let mut bytes = Vec::new();
        taken.stream.read(0, header, &mut bytes)?;
        if mark.is_some() || taken.log.id() != id {
            bytes = noted(taken, &bytes, id, mark.as_ref())?;
        }
        Ok(Made {
            header: bytes,
            from,
            leaf,
        })
    }

    /// Writes all of it in place of the file at `path`, which is as it was until it is whole.
    pub(super) fn replace(&self, stream: &Source, path: &Path) -> Result<(), Error> {
        replaced(path, |copy| self.fill(stream, copy))
    }

    fn fill(&self, stream: &Source, copy: &mut NewFile) -> Result<(), Error> {
        copy.encode(|sink| write_all(sink, &self.header))?;
        let end = copied(stream, self.from, copy)?.end;
        let end = end.or(self.header.last().copied());
        if end != Some(b'\n') {
            copy.encode(|sink| write_all(sink, b"\n"))?;
        }
        if let Some(leaf) = &self.leaf {
            copy.encode(|sink| write_all(sink, leaf))?;
        }
        Ok(())
    }
}

/// What was copied.
struct Copied {
    /// The last byte.
    end: Option<u8>,
    line_ends: u64,
}

/// Copies what stands in `from_file` from `from` on.
fn copied(from_file: &Source, from: u64, copy: &mut NewFile) -> Result<Copied, Error> {
    let mut part = from_file.part(from, from_file.len);
    let mut chunk = vec![0; CHUNK];
    let mut copied = Copied {
        end: None,
        line_ends: 0,
    };
    loop {
        let read = part.read(&mut chunk).map_err(from_file.failed())?;
        let Some(end) = chunk[..read].last() else {
            return Ok(copied);
        };
        copied.end = Some(*end);
        copied.line_ends += chunk[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        copy.encode(|sink| write_all(sink, &chunk[..read]))?;
    }
}

/// Puts a new file, durable, in the place of the one at `path`, which is as it was until then.
fn replaced<T>(
    path: &Path,
    fill: impl FnOnce(&mut NewFile) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".import-{}", Uuid::now_v7()));
    let beside = PathBuf::from(beside);
    let created = files::create_new(&beside).map_err(Error::io(&beside, "create"))?;
    let mut copy = NewFile::new(beside, created)?;
    let made = fill(&mut copy)?;
    copy.sync()?;
    fs::rename(copy.path(), path).map_err(Error::io(path, "replace"))?;
    copy.keep();
    files::sync_dir(&files::dir_of(path))?;
    Ok(made)
}

/// The stream's header with the id, and what is noted of the source.
fn noted(
    taken: &Taken<'_>,
    header: &[u8],
    id: &str,
    mark: Option<&Mark>,
) -> Result<Vec<u8>, Error> {
    let path = taken.stream.path();
    let failed = |error: String| Error::io(path, "convert")(io::Error::other(error));
    let text = std::str::from_utf8(header).map_err(|error| failed(error.to_string()))?;
    let members = Members::parse(text.trim()).unwrap_or_default();
    let sealed = members.get("crc").is_some();
    // Of a copy that was imported before: what is noted of its source stays.
    let noted = members.object("imported").unwrap_or_default();
    let before = taken.id()?;
    let made = document(|json| {
        json.begin_object()?;
        for (name, value) in members.iter() {
            match name {
                "crc" | "imported" => continue,
                _ => json.key(name)?,
            }
            match name {
                "id" => json.string(id)?,
                _ => json.raw(value.get().as_bytes())?,
            }
        }
        match mark {
            Some(mark) => mark.write(json)?,
            None => {
                json.key("imported")?;
                json.begin_object()?;
                for (name, value) in noted.iter().filter(|(name, _)| *name != "id") {
                    json.key(name)?;
                    json.raw(value.get().as_bytes())?;
                }
                put_text(json, "id", &before)?;
                json.end_object()?;
            }
        }
        json.end_object()
    });
    let mut bytes = made.map_err(|error| failed(error.to_string()))?;
    if !sealed {
        bytes.push(b'\n');
        return Ok(bytes);
    }
    sealed_line(&bytes).map_err(failed)
}

/// The last record of an imported session, with its sums: it names the tip.
fn leaf(taken: &Taken<'_>) -> Result<Option<Vec<u8>>, Error> {
    let log = taken.log;
    let Some((tip, time)) = &taken.tail.tip else {
        return Ok(None);
    };
    let (Some(index), Ok(entry_id)) = (log.find(tip), EntryId::try_from(&**tip)) else {
        return Ok(None);
    };
    let time = Timestamp::parse(time).unwrap_or_default();
    last_leaf(log, &entry_id, time, Some(counted(log, index))).map(Some)
}

/// Adds what stands in the stream from `from` on to the session that is `there`, at `path`. Gives the number of records added.
pub(super) fn grow(there: &Source, stream: &Source, from: u64, path: &Path) -> Result<u64, Error> {
    replaced(path, |copy| {
        copied(there, 0, copy)?;
        let Copied { end, mut line_ends } = copied(stream, from, copy)?;
        if end != Some(b'\n') {
            line_ends += 1;
            copy.encode(|sink| write_all(sink, b"\n"))?;
        }
        Ok(line_ends)
    })
}
