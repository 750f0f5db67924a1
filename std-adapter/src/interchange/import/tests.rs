use super::*;
use crate::{NewSession, Session, interchange::session_files, verify};
use sessionlog_core::{journal::Options, record::Verbatim};
use std::fs;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/foreign")
}

fn samples() -> Vec<PathBuf> {
    let mut files = session_files(&vectors()).unwrap();
    files.retain(|path| {
        let name = path.to_string_lossy();
        !name.ends_with(".expect.json") && name.ends_with(".jsonl")
    });
    files
}

/// A store, and a file in a directory beside it that something is imported from.
struct Place {
    home: tempfile::TempDir,
    store: SessionStore,
    file: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = SessionStore::at(home.path().join("store"));
        fs::create_dir(home.path().join("from")).unwrap();
        let file = home.path().join("from").join(name);
        Place { home, store, file }
    }

    fn import(&self, bytes: &[u8]) -> Result<Imported, Error> {
        fs::write(&self.file, bytes).unwrap();
        Importer::new(&self.store).import(&self.file)
    }

    fn anew(&self, bytes: &[u8]) -> Imported {
        fs::write(&self.file, bytes).unwrap();
        let importer = Importer::new(&self.store).anew(true);
        importer.import(&self.file).unwrap()
    }

    fn files(&self) -> usize {
        fs::read_dir(self.store.dir()).unwrap().count()
    }
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn go_on(path: &Path) {
    let mut session = Session::open(path, Options::default()).unwrap();
    let user = br#"{"role":"user","content":[{"type":"text","text":"on"}]}"#;
    session.append(&Verbatim(user)).unwrap();
    session.end_turn().unwrap();
}

/// A session of ours as its file is, with three turns.
fn ours() -> Vec<u8> {
    let home = tempfile::tempdir().unwrap();
    let store = SessionStore::at(home.path());
    let new = NewSession::default();
    let session = Session::create(&store, &new, Options::default()).unwrap();
    let path = session.path().to_owned();
    drop(session);
    (0..3).for_each(|_| go_on(&path));
    fs::read(path).unwrap()
}

#[test]
fn a_session_that_is_being_written_is_brought_up_to_date() {
    let mut all: Vec<(String, Vec<u8>)> = samples()
        .iter()
        .map(|path| (name(path).to_owned(), fs::read(path).unwrap()))
        .collect();
    assert!(all.len() >= 10);
    all.push(("ours.jsonl".into(), ours()));
    for (name, whole) in all {
        let fresh = Place::new(&name);
        let wanted = fresh.import(&whole).unwrap();
        let mut ends: Vec<usize> = memchr::memchr_iter(b'\n', &whole)
            .map(|at| at + 1)
            .collect();
        // Within each line too.
        let within: Vec<usize> = ends.iter().map(|end| end.saturating_sub(9)).collect();
        ends.extend(within);
        for end in ends {
            let place = Place::new(&name);
            // Too little to tell what it is.
            let Ok(first) = place.import(&whole[..end]) else {
                continue;
            };
            if first.id != wanted.id {
                continue;
            }
            let again = place.import(&whole[..end]).unwrap();
            assert_eq!(again.outcome, Outcome::Unchanged, "{name} at {end}");
            let then = place.import(&whole).unwrap();
            assert!(
                matches!(then.outcome, Outcome::Grown | Outcome::Unchanged),
                "{name} at {end}: {:?}",
                then.outcome
            );
            let (is, should) = (
                fs::read(&then.path).unwrap(),
                fs::read(&wanted.path).unwrap(),
            );
            if then.outcome == Outcome::Grown {
                assert_eq!(
                    String::from_utf8_lossy(&is),
                    String::from_utf8_lossy(&should),
                    "{name} at {end}"
                );
            }
            assert_eq!(place.files(), 1, "{name} at {end}");
        }
    }
}

#[test]
fn what_was_gone_on_with_is_left_alone() {
    for path in samples() {
        let whole = fs::read(&path).unwrap();
        let Some(cut) = memchr::memrchr(b'\n', &whole[..whole.len() - 1]) else {
            continue;
        };
        let place = Place::new(name(&path));
        let Ok(first) = place.import(&whole[..cut - 3]) else {
            continue;
        };
        if SessionLog::open(&first.path).unwrap().tip().is_none() {
            continue;
        }
        go_on(&first.path);
        let before = fs::read(&first.path).unwrap();
        let then = place.import(&whole).unwrap();
        assert_eq!(then.outcome, Outcome::Continued, "{path:?}");
        assert_eq!(fs::read(&first.path).unwrap(), before, "{path:?}");
        // Once more under another id, and that one is brought up to date from then on.
        let anew = place.anew(&whole[..whole.len() - 7]);
        assert_eq!(anew.outcome, Outcome::New, "{path:?}");
        assert_eq!(anew.id, format!("{}-2", first.id));
        assert_eq!(SessionLog::open(&anew.path).unwrap().id(), anew.id);
        let anew = place.anew(&whole);
        assert!(matches!(anew.outcome, Outcome::Grown | Outcome::Unchanged));
        assert_eq!(place.anew(&whole).outcome, Outcome::Unchanged, "{path:?}");
        assert_eq!(place.files(), 2, "{path:?}");
        assert!(verify(&anew.path).unwrap().is_sound());
    }
}

#[test]
fn another_session_of_the_same_id_is_left_alone() {
    let path = vectors().join("claude/traps.jsonl");
    let whole = fs::read(&path).unwrap();
    let place = Place::new("a.jsonl");
    place.import(&whole).unwrap();
    let other = String::from_utf8_lossy(&whole).replace("\"text\":\"", "\"text\":\"x");
    let other = place.import(other.as_bytes()).unwrap();
    assert_eq!(other.outcome, Outcome::Differs);
    // An older state of the source is in it.
    let cut = memchr::memrchr(b'\n', &whole[..whole.len() / 2]).unwrap() + 1;
    let older = place.import(&whole[..cut]).unwrap();
    assert!(matches!(
        older.outcome,
        Outcome::Unchanged | Outcome::Differs
    ));
    assert_eq!(place.import(&whole).unwrap().outcome, Outcome::Unchanged);
}

#[test]
fn a_session_that_is_written_to_right_now_is_not_replaced() {
    let path = vectors().join("claude/traps.jsonl");
    let whole = fs::read(&path).unwrap();
    let cut = memchr::memrchr(b'\n', &whole[..whole.len() - 1]).unwrap() + 1;
    let place = Place::new("a.jsonl");
    let first = place.import(&whole[..cut]).unwrap();
    let (_file, _lock) = crate::open_for_writing(&first.path).unwrap();
    let then = place.import(&whole);
    assert!(matches!(then, Err(Error::Locked { .. })), "{then:?}");
    assert_eq!(place.files(), 1);
}

#[test]
fn what_was_put_away_is_known() {
    use crate::prune::{ARCHIVE, put_away, split_off};
    let sample = vectors().join("claude/traps.jsonl");
    let whole = fs::read(&sample).unwrap();
    let place = Place::new("a.jsonl");
    let archive = place.store.dir().join(ARCHIVE);
    let first = place.import(&whole).unwrap();
    // Its history is in the archive; the source is the same.
    let history = split_off(&first.path, &archive).unwrap();
    assert_eq!(place.import(&whole).unwrap().outcome, Outcome::Unchanged);
    // What the store and its archive hold is there already.
    for own in [&first.path, &history] {
        let own = Importer::new(&place.store).import(own).unwrap();
        assert_eq!(own.outcome, Outcome::Unchanged);
    }
    // All of it is, and what its source has more goes there.
    let away = put_away(&first.path, &archive).unwrap();
    let again = place.import(&whole).unwrap();
    assert_eq!((again.outcome, again.archived), (Outcome::Unchanged, true));
    assert_eq!(again.path, away);
    assert!(!first.path.exists());
    let mut more = whole.clone();
    more.extend(br#"{"type":"user","uuid":"more","parentUuid":null,"sessionId":"s","timestamp":"2026-05-22T12:00:00Z","message":{"role":"user","content":"more"}}"#);
    let grown = place.import(&more).unwrap();
    assert_eq!((grown.outcome, grown.archived), (Outcome::Grown, true));
    assert!(SessionLog::open(&away).unwrap().find("more").is_some());
    drop(place.home);
}

#[test]
fn a_backup_does_not_stand_for_its_session() {
    let sample = vectors().join("claw");
    let live = session_files(&sample).unwrap();
    let live = live
        .iter()
        .find(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let whole = fs::read(live.unwrap()).unwrap();
    let place = Place::new("c.rot-1775386842352.jsonl");
    let backup = place.import(&whole).unwrap();
    assert_eq!(backup.id, "c.rot-1775386842352");
    let other = place.home.path().join("from/c.jsonl");
    fs::write(
        &other,
        String::from_utf8_lossy(&whole).replace("\"text\":\"", "\"text\":\"x"),
    )
    .unwrap();
    let live = Importer::new(&place.store).import(&other).unwrap();
    assert_eq!(live.outcome, Outcome::New);
}

#[test]
fn what_a_stopped_import_left_behind_is_no_session() {
    let path = vectors().join("claude/traps.jsonl");
    let whole = fs::read(&path).unwrap();
    let fresh = Place::new("a.jsonl");
    let wanted = fresh.import(&whole).unwrap();
    let place = Place::new("a.jsonl");
    drop(place.store.create_file(&wanted.id).unwrap());
    let made = place.import(&whole).unwrap();
    assert_eq!((made.outcome, &made.id), (Outcome::New, &wanted.id));
    assert_eq!(
        fs::read(&made.path).unwrap(),
        fs::read(&wanted.path).unwrap()
    );
    assert_eq!(place.files(), 1);
}

/// A session of ours grows in a file beside it: whoever stops that finds the old one, whole.
#[test]
fn a_copy_grows_whole_or_not_at_all_and_its_tip_stays_where_it_was_moved() {
    use std::io::Read as _;
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sessions/flaky-test.jsonl");
    let whole = fs::read(own).unwrap();
    let part = |lines: usize| {
        let lines = whole.split_inclusive(|byte| *byte == b'\n').take(lines);
        lines.collect::<Vec<_>>().concat()
    };
    let place = Place::new("a.jsonl");
    let first = place.import(&part(4)).unwrap();
    let mut before = fs::File::open(&first.path).unwrap();
    let grown = place.import(&part(6)).unwrap();
    assert_eq!((grown.outcome, grown.added), (Outcome::Grown, 2));
    assert_eq!(fs::read(&first.path).unwrap(), part(6));
    let mut old = vec![];
    before.read_to_end(&mut old).unwrap();
    assert_eq!(old, part(4), "written in place");
    assert_eq!(place.files(), 1);

    let mut session = Session::open(&first.path, Options::default()).unwrap();
    session.move_tip("msg-2").unwrap();
    drop(session);
    let moved = fs::read(&first.path).unwrap();
    assert_eq!(place.import(&part(6)).unwrap().outcome, Outcome::Unchanged);
    assert_eq!(place.import(&whole).unwrap().outcome, Outcome::Continued);
    assert_eq!(fs::read(&first.path).unwrap(), moved);
}

/// An id that would hide something in a file's name is replaced like any other that can be none.
#[test]
fn a_name_shows_what_it_is() {
    for (id, name) in [
        ("plain", "plain"),
        ("日本", "日本"),
        ("a\u{202e}lnosj.b", "a-lnosj.b"),
        ("a\u{200b}b", "a-b"),
        ("\u{feff}x", "x"),
        ("a\u{3164}b", "a-b"),
        ("a\u{e0041}b", "a-b"),
        ("\u{3164}", "file"),
    ] {
        assert_eq!(usable_id(id, Path::new("/s/file.jsonl")), name, "{id:?}");
    }
}
