//! An imported session's file, as it is written.

use super::{Taken, mark, mark::Mark};
use crate::{
    Error, FileStorage,
    copy::{NewFile, sealed_line},
    files,
    interchange::{
        json::{Members, document},
        lines::Source,
    },
};
use sessionlog_core::{
    EntryId, IdKind, Timestamp,
    crc::Crc32,
    journal::Storage,
    json::write::write_all,
    record::{LeafEntry, Totals},
};
use std::{
    fs::{self, File},
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
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".import-{}", Uuid::now_v7()));
        let beside = PathBuf::from(beside);
        let created = files::create_new(&beside).map_err(Error::io(&beside, "create"))?;
        let mut copy = NewFile::new(beside, created)?;
        self.fill(stream, &mut copy)?;
        fs::rename(copy.path(), path).map_err(Error::io(path, "replace"))?;
        copy.keep();
        files::sync_dir(&files::dir_of(path))
    }

    fn fill(&self, stream: &Source, copy: &mut NewFile) -> Result<(), Error> {
        copy.encode(|sink| write_all(sink, &self.header))?;
        let mut part = stream.part(self.from, stream.len);
        let (mut chunk, mut end) = (vec![0; CHUNK], self.header.last().copied());
        loop {
            let read = part.read(&mut chunk).map_err(stream.failed())?;
            if read == 0 {
                break;
            }
            end = Some(chunk[read - 1]);
            copy.encode(|sink| write_all(sink, &chunk[..read]))?;
        }
        if end != Some(b'\n') {
            copy.encode(|sink| write_all(sink, b"\n"))?;
        }
        if let Some(leaf) = &self.leaf {
            copy.encode(|sink| write_all(sink, leaf))?;
        }
        copy.sync()
    }
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
        if let Some(mark) = mark {
            mark.write(json)?;
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
    encoded
        .map_err(|error| Error::io(log.path(), "convert")(io::Error::other(error.to_string())))?;
    Ok(Some(line))
}

/// Adds to the session in `file` what stands in the stream from `from` on; it is as it was if that fails.
pub(super) fn append(
    stream: &Source,
    from: u64,
    file: File,
    added: &mut u64,
    path: &Path,
) -> Result<(), Error> {
    let mut storage = FileStorage::new(file).map_err(Error::io(path, "open"))?;
    let before = storage.len();
    let written = append_to(&mut storage, stream, from, added, path);
    if written.is_err() {
        // If that can be done; the failure counts.
        let _ = storage.truncate(before);
    }
    written
}

fn append_to(
    storage: &mut FileStorage,
    stream: &Source,
    from: u64,
    added: &mut u64,
    path: &Path,
) -> Result<(), Error> {
    let cannot = |error: sessionlog_core::json::WriteError<io::Error>| {
        Error::io(path, "write")(io::Error::other(error.to_string()))
    };
    let mut part = stream.part(from, stream.len);
    let (mut chunk, mut end) = (vec![0; CHUNK], b'\n');
    loop {
        let read = part.read(&mut chunk).map_err(stream.failed())?;
        if read == 0 {
            break;
        }
        end = chunk[read - 1];
        *added += chunk[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        write_all(storage, &chunk[..read]).map_err(cannot)?;
    }
    if end != b'\n' {
        *added += 1;
        write_all(storage, b"\n").map_err(cannot)?;
    }
    storage.sync().map_err(Error::io(path, "sync"))
}
