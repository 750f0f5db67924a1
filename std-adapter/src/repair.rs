//! A damaged session made sound; the original is kept.

use crate::{
    Error, FileStorage, SessionLog, SystemClock,
    copy::Copy,
    files,
    lock::open_for_writing,
    reader::{Problem, name_of},
    scan::scan,
};
use sessionlog_core::{
    EntryId, Timestamp,
    record::{Header, Kind},
    recovery::{Event, Found},
    time::Clock,
};
use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

/// What [`repair`] did.
#[derive(Clone, Debug, Default)]
pub struct Repaired {
    /// Where the original is; `None` when there was nothing to repair, and nothing was written.
    pub original: Option<PathBuf>,
    /// Entries in the file now.
    pub entries: u64,
    /// Corrupt lines that were left out, but for what was salvaged from them.
    pub corrupt: u64,
    /// Entries salvaged from them.
    pub salvaged: u64,
    /// Bytes of a torn tail that were left out.
    pub torn_bytes: u64,
    /// Entries whose lost parent was replaced by the one that stands in for it (F15).
    pub relinked: u64,
    /// Leaves without target that were left out: readers that know only the last leaf would find nothing.
    pub dropped_leaves: u64,
    /// The header was lost or missing, and a new one was made.
    pub header_made: bool,
    /// What cannot be repaired: parents that are nowhere.
    pub remaining: Vec<Problem>,
}

/// Writes a sound file in place of the session at `path`, and keeps the original beside it, as
/// `NAME.damaged-TIMESTAMP`. At no moment is there no session at `path`; the new file is durable when this returns.
///
/// Every valid record stays, byte for byte, each on a line of its own; the header notes the repair when something was lost. The context is the same as before, also for
/// readers that do not know our reading rules for damage.
///
/// Errors: [`Error::Locked`] while somebody writes, otherwise as [`SessionLog::open`]; the session is as it was then.
pub fn repair(path: &Path) -> Result<Repaired, Error> {
    let (file, lock) = open_for_writing(path)?;
    let metadata = file.metadata().map_err(Error::io(path, "read"))?;
    let reading = file.try_clone().map_err(Error::io(path, "open"))?;
    let log = SessionLog::read(path.to_owned(), reading, metadata.len(), |_, _| {})?;
    let mut done = Repaired {
        entries: log.entry_count(),
        header_made: log.header().is_none(),
        ..Repaired::default()
    };
    if log.problem_count() == 0
        && log.warning_count() == 0
        && !log.is_unended()
        && !done.header_made
    {
        return Ok(done);
    }
    let draft = beside(path, "repair");
    let written = create(&draft)
        .and_then(|made| write(&mut done, &log, &file, &draft, made))
        .and_then(|()| replace(path, &draft));
    match written {
        Ok(original) => done.original = Some(original),
        Err(error) => {
            // The failure is what counts; the draft is of no use to anybody.
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
    }
    drop(lock);
    let again = SessionLog::open(path)?;
    done.entries = again.entry_count();
    done.remaining = [again.problems(), again.warnings()].concat();
    Ok(done)
}

/// A name beside the session that no session has.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let now = SystemClock::new()
        .now()
        .to_string()
        .replace([':', '-', '.'], "");
    name.push(format!(".{what}-{now}"));
    path.with_file_name(name)
}

fn create(draft: &Path) -> Result<File, Error> {
    files::create_new(draft).map_err(Error::io(draft, "create"))
}

fn write(
    done: &mut Repaired,
    log: &SessionLog,
    file: &File,
    draft: &Path,
    made: File,
) -> Result<(), Error> {
    let mut copy = Copy {
        storage: FileStorage::new(made).map_err(Error::io(draft, "open"))?,
        path: draft,
    };
    if done.header_made {
        make_header(&mut copy, log)?;
    }
    let mut next_node = 0;
    scan(log.path(), file, log.bytes(), |event, _| {
        match event {
            Event::Corrupt(_) => done.corrupt += 1,
            Event::Torn { extent, .. } => done.torn_bytes = extent.len,
            Event::Record(found) => {
                done.salvaged += u64::from(found.salvaged);
                copy_record(&mut copy, done, log, file, found, &mut next_node)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    copy.sync()
}

fn copy_record(
    copy: &mut Copy<'_>,
    done: &mut Repaired,
    log: &SessionLog,
    file: &File,
    found: &Found<'_>,
    next_node: &mut u32,
) -> Result<(), Error> {
    let record = found.record;
    if found.header_place && record.kind == Kind::Session {
        let marked = log.header().is_some_and(|header| header.repaired.is_some());
        // Only our own totals can count what was lost.
        if log.health().corrupt == 0 || marked || !log.head().ours {
            return copy.verbatim(file, found.extent);
        }
        return copy.header_repaired(&log.read_extent(found.extent)?, record);
    }
    if record.kind == Kind::Leaf {
        let target = log
            .leaves()
            .binary_search_by_key(&found.extent.start, |leaf| leaf.extent.start);
        if target.is_ok_and(|index| log.leaves()[index].node.is_none()) {
            done.dropped_leaves += 1;
            return Ok(());
        }
        return copy.verbatim(file, found.extent);
    }
    let index = *next_node;
    *next_node += 1;
    let parent = log.node(index).and_then(|node| node.parent);
    let parent = parent.and_then(|parent| EntryId::try_from(log.node(parent)?.id?).ok());
    // With a header of ours a parent that is only implied (F14) would not be any more.
    let implied = record.parent_id.is_none() && !done.header_made;
    if parent.is_none() || parent == record.parent_id || implied {
        return copy.verbatim(file, found.extent);
    }
    done.relinked += 1;
    let bytes = log.read_extent(found.extent)?;
    copy.relinked(&bytes, record, parent.as_ref())
}

/// A header in place of the one that is lost: the id is the file's name.
fn make_header(copy: &mut Copy<'_>, log: &SessionLog) -> Result<(), Error> {
    let first = log.nodes().find_map(|node| node.timestamp);
    let id = name_of(log.path());
    let header = Header {
        id: &id,
        timestamp: first.unwrap_or(Timestamp::from_unix_ms(0)),
        cwd: "",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    };
    let written = header.encode(&mut copy.storage);
    written.map(drop).map_err(|error| copy.refused(error))
}

/// Puts the draft in the session's place, and keeps the original under another name.
fn replace(path: &Path, draft: &Path) -> Result<PathBuf, Error> {
    let kept = beside(path, "damaged");
    match fs::hard_link(path, &kept) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::io(&kept, "keep the original as")(error));
        }
        // Where there are no hard links, a copy.
        Err(_) => {
            let mut copy = files::create_new(&kept).map_err(Error::io(&kept, "create"))?;
            File::open(path)
                .and_then(|mut original| io::copy(&mut original, &mut copy))
                .and_then(|_| copy.sync_all())
                .map_err(Error::io(&kept, "keep the original as"))?;
        }
    }
    fs::rename(draft, path).map_err(Error::io(path, "replace"))?;
    files::sync_dir(&files::dir_of(path))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify;

    fn message(id: &str, parent: Option<&str>) -> String {
        let parent = serde_json::to_string(&parent).unwrap();
        format!(
            r#"{{"type":"message","id":"{id}","parent_id":{parent},"timestamp":"2026-05-22T12:00:00Z","message":{{"role":"user","content":[]}}}}"#
        )
    }

    const HEADER: &str = r#"{"type":"session","version":1,"id":"s","writer":"sessionlog/1"}"#;

    fn file(lines: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        fs::write(&path, lines.concat()).unwrap();
        (dir, path)
    }

    fn context(path: &Path) -> Vec<String> {
        let log = SessionLog::open(path).unwrap();
        let context = log.context();
        let all = context.summary.into_iter().chain(context.messages);
        all.map(|i| log.node(i).unwrap().id.unwrap().to_owned())
            .collect()
    }

    #[test]
    fn damage_goes_and_the_context_stays() {
        let (one, two, three) = (
            message("a", None),
            message("b", Some("a")),
            message("c", Some("lost")),
        );
        let leaf = r#"{"type":"leaf","id":"leaf-9","entry_id":"nowhere"}"#;
        let text = [
            HEADER,
            "\n",
            &one,
            "\n",
            "{\"type\":\"mess",
            &two,
            "\n",
            "rubbish\n",
            leaf,
            "\n",
            &three,
            "\n",
            "{\"torn",
        ];
        let (dir, path) = file(&text);
        let before = context(&path);
        assert_eq!(before, ["a", "b", "c"]);
        let done = repair(&path).unwrap();
        assert_eq!(
            (
                done.corrupt,
                done.salvaged,
                done.torn_bytes,
                done.relinked,
                done.dropped_leaves
            ),
            (2, 1, 6, 1, 1)
        );
        assert!(done.remaining.is_empty() && !done.header_made);
        assert_eq!(
            fs::read_to_string(done.original.unwrap()).unwrap(),
            text.concat()
        );
        assert_eq!(context(&path), before);
        assert!(verify(&path).unwrap().is_sound());
        let now = fs::read_to_string(&path).unwrap();
        let (header, rest) = now.split_once('\n').unwrap();
        assert!(
            header.starts_with(HEADER.trim_end_matches('}')) && header.contains("\"repaired\"")
        );
        assert!(rest.starts_with(&[&one, "\n", &two, "\n"].concat()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(repair(&path).unwrap().original.is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_lost_header_is_made_anew_and_implied_parents_named() {
        let (a, b) = (message("a", None), message("b", None));
        let (_dir, path) = file(&["\u{0}\n", &a, "\n", &b, "\n"]);
        assert_eq!(context(&path), ["a", "b"]);
        let done = repair(&path).unwrap();
        assert!(done.header_made);
        assert_eq!(done.relinked, 1);
        let log = SessionLog::open(&path).unwrap();
        assert_eq!(log.header().unwrap().id, "s");
        assert_eq!(log.header().unwrap().timestamp, "2026-05-22T12:00:00.000Z");
        assert_eq!(context(&path), ["a", "b"]);
    }

    #[test]
    fn a_foreign_file_stays_as_it_is_but_for_the_damage() {
        let (a, b) = (message("a", None), message("b", None));
        let header = r#"{"type":"session","version":1,"id":"s"}"#;
        let (_dir, path) = file(&[header, "\n", &a, "\n", "x\n", &b]);
        repair(&path).unwrap();
        let expected = [header, "\n", &a, "\n", &b, "\n"].concat();
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn what_was_spent_stays_spent_when_its_entry_is_lost() {
        use crate::{NewSession, Session, SessionStore};
        use sessionlog_core::{journal::Options, record::Verbatim};
        let dir = tempfile::tempdir().unwrap();
        let store = SessionStore::at(dir.path());
        let mut session =
            Session::create(&store, &NewSession::default(), Options::default()).unwrap();
        for n in 1..4 {
            let answer = format!(r#"{{"role":"assistant","usage":{{"input_tokens":{n}}}}}"#);
            session.append(&Verbatim(answer.as_bytes())).unwrap();
            session.end_turn().unwrap();
        }
        let path = session.path().to_owned();
        drop(session);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("tokens\":2}", "tokens\":9}")).unwrap();
        assert!(!verify(&path).unwrap().is_sound());
        assert_eq!(repair(&path).unwrap().corrupt, 1);
        let found = verify(&path).unwrap();
        assert!(found.is_sound());
        assert!(!found.problems.is_empty() && found.problems.iter().all(|p| p.kind.is_note()));
        let session = Session::open(&path, Options::default()).unwrap();
        assert_eq!(session.spent().usage.input_tokens, 6);
        assert_eq!(context(&path), ["msg-1", "msg-5"]);
    }

    #[test]
    fn nobody_repairs_what_is_being_written() {
        let (_dir, path) = file(&[HEADER, "\n", "x\n"]);
        let held = open_for_writing(&path).unwrap();
        assert!(matches!(repair(&path), Err(Error::Locked { .. })));
        drop(held);
        assert_eq!(repair(&path).unwrap().corrupt, 1);
    }
}
