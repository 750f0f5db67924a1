use super::*;
use crate::{
    open_for_writing,
    testing::{HEADER, compaction, file, leaf, sealed, user},
    verify,
};
use sessionlog_core::record::Extent;

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Ids and payloads of the context.
fn said(log: &SessionLog) -> Vec<(String, String)> {
    let context = log.context();
    let all = context.summary.into_iter().chain(context.messages);
    all.map(|index| {
        let record = log.read_record(index).unwrap();
        let said = match log.node(index).unwrap().kind {
            Kind::Compaction => log.summary(index).unwrap(),
            Kind::Message => log.payload(index).unwrap().get().to_owned(),
            _ => String::from_utf8(record).unwrap(),
        };
        (log.node(index).unwrap().id.unwrap().to_owned(), said)
    })
    .collect()
}

/// Repairs; the report and the repaired file's lines.
fn repaired(bytes: &[u8]) -> (Repaired, Vec<String>) {
    let (dir, path) = file(bytes);
    let before = SessionLog::open(&path).unwrap();
    let report = repair(&path).unwrap();
    let after = SessionLog::open(&path).unwrap();
    assert!(after.health().is_clean());
    assert_eq!(said(&after), said(&before));
    assert_eq!(report.entries, after.entry_count());
    let kept = report.original.clone().unwrap();
    assert_eq!(fs::read(&kept).unwrap(), bytes);
    let kept = kept.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(names(dir.path()), ["name.jsonl".to_owned(), kept]);
    // Nothing is left to do.
    assert_eq!(repair(&path).unwrap().original, None);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with('\n'));
    (report, text.lines().map(str::to_owned).collect())
}

#[test]
fn every_sort_of_damage() {
    let a = user("a", None, "one");
    let b = user("b", Some("a"), "two");
    let lost = user("c", Some("b"), "th\u{1}ree");
    let d = sealed(&user("d", Some("c"), "four"));
    let u = r#"{"type":"label","id":"u","parent_id":"lost","x":1}"#;
    let e = user("e", Some("u"), "five");
    let f = user("f", Some("e"), "fused");
    let r = user("r", Some("nowhere"), "elsewhere");
    let torn = "{\"type\":\"mes";
    let end = leaf("f");
    let bytes = format!(
        "{HEADER}\n \n{a}\r\n{torn}{b}\n{lost}\n{d}\n\0\0\n{u}\n{e}{f}\n{}\n{}\n{r}\n{}\n{end}\n{torn}",
        user("x", Some("f"), "six"),
        user("y", Some("x"), "seven"),
        leaf("c"),
    );
    let (report, lines) = repaired(bytes.as_bytes());
    let d = sealed(&user("d", Some("b"), "four"));
    let u = u.replace("lost", "d");
    let r = user("r", None, "elsewhere");
    let (x, y) = (user("x", Some("f"), "six"), user("y", Some("x"), "seven"));
    assert_eq!(lines, [HEADER, &a, &b, &d, &u, &e, &f, &x, &y, &r, &end]);
    assert_eq!(
        (report.salvaged, report.relinked, report.unlinked),
        (3, 2, 1)
    );
    assert_eq!(report.dropped_leaves, 1);
    assert_eq!((report.corrupt, report.torn_bytes), (4, torn.len() as u64));
    assert_eq!(report.remaining, []);
    assert!(!report.header_made && !report.unmarked_tip);
}

/// F14: what follows by file order alone still does, and what does not still does not.
#[test]
fn a_foreign_session_stays_foreign() {
    let foreign = HEADER.replace(",\"writer\":\"sessionlog/1\"", "");
    let (a, b) = (user("a", None, "one"), user("b", None, "two"));
    let text = format!("{foreign}\n{a}\n???\n{b}\n");
    let (_, lines) = repaired(text.as_bytes());
    assert_eq!(lines, [&foreign, &a, &b].map(String::as_str));

    // The bridge ends the linear prefix; it gets no CRC, or else `d` would follow `c`.
    let (c, d) = (user("c", Some("lost"), "three"), user("d", None, "four"));
    let text = format!("{foreign}\n{a}\n???\n{c}\n{d}\n");
    let (report, lines) = repaired(text.as_bytes());
    let c = user("c", Some("a"), "three");
    assert_eq!(lines, [&foreign, &a, &c, &d].map(String::as_str));
    assert_eq!(report.relinked, 1);
}

#[test]
fn a_lost_header_is_made_anew() {
    let header = |text: &str| crate::HeaderInfo::from_record(text.as_bytes()).unwrap();
    let a = sealed(&user("a", None, "one"));
    let b = sealed(&user("b", Some("a"), "two"));
    let (report, lines) = repaired(format!("{{\"type\":\"sess\n{a}\n{b}\n").as_bytes());
    assert!(report.header_made);
    assert_eq!(lines[1..], [a.clone(), b.clone()]);
    let ours = header(&lines[0]);
    assert_eq!(
        (&*ours.id, &*ours.timestamp),
        ("name", "2026-05-22T12:00:01.000Z")
    );
    assert_eq!(
        (ours.version, ours.writer.as_deref()),
        (1, Some("sessionlog/1"))
    );

    // Nothing else is wrong: a header is missing.
    let (report, lines) = repaired(format!("{a}\n{b}\n").as_bytes());
    assert!(report.header_made && report.corrupt == 0);
    assert_eq!(header(&lines[0]).writer.as_deref(), Some("sessionlog/1"));

    // Another writer's entries, and entries that follow by file order: another writer's header.
    for (one, two) in [
        (a.clone(), user("b", Some("a"), "two")),
        (a, sealed(&user("b", None, "two"))),
    ] {
        let (_, lines) = repaired(format!("\0\n{one}\n{two}\n").as_bytes());
        assert_eq!(lines[1..], [one, two]);
        assert_eq!(header(&lines[0]).writer, None);
    }

    // A header that is fused with the first entry is not lost.
    let (report, lines) = repaired(format!("{HEADER}{b}\n").as_bytes());
    assert!(!report.header_made);
    assert_eq!(lines, [HEADER, &sealed(&user("b", None, "two"))]);
}

/// In a foreign file, to name no parent may mean another one (F14).
#[test]
fn what_cannot_be_repaired_is_told() {
    let foreign = HEADER.replace(",\"writer\":\"sessionlog/1\"", "");
    let text = format!("{foreign}\n{}\n", user("b", Some("nowhere"), "x"));
    let (dir, path) = file(text.as_bytes());
    let done = repair(&path).unwrap();
    assert_eq!((done.original, done.remaining.len()), (None, 1));
    assert_eq!(names(dir.path()), ["name.jsonl"]);
}

/// Whatever is wrong: what remains is what `verify` finds.
#[test]
fn a_lost_first_message_leaves_a_sound_file() {
    let (b, c) = (user("b", Some("a"), "two"), user("c", Some("b"), "three"));
    let text = format!("{HEADER}\n\0\n{}\n{}\n", sealed(&b), sealed(&c));
    let (report, lines) = repaired(text.as_bytes());
    assert_eq!((report.unlinked, report.remaining), (1, vec![]));
    assert_eq!(lines[1], sealed(&user("b", None, "two")));
    assert_eq!(lines[2], sealed(&c));
}

#[test]
fn sums_that_are_wrong_remain() {
    let sum =
        r#"{"input_tokens":1,"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0}"#;
    let totals =
        format!(r#"{{"branch":{sum},"spent":{sum},"turns":1,"watermark":0,"next_seq":9}}"#);
    let end = leaf("a").replace('}', &format!(r#","totals":{totals}}}"#));
    let text = format!("{HEADER}\n{}\n{}\n", user("a", None, "one"), sealed(&end));
    let (dir, path) = file(text.as_bytes());
    let done = repair(&path).unwrap();
    let kinds = done.remaining.iter().map(|problem| problem.kind.name());
    assert_eq!(kinds.collect::<Vec<_>>(), ["totals_mismatch"; 2]);
    assert_eq!(done.remaining, crate::verify(&path).unwrap().problems);
    assert_eq!((done.original, names(dir.path()).len()), (None, 1));
}

#[test]
fn a_leaf_that_lies_behind_is_told_and_left() {
    let (a, b) = (user("a", None, "one"), user("b", Some("a"), "two"));
    let text = format!("{HEADER}\n{a}\n{}\n{b}\n\0\n", leaf("a"));
    let (report, lines) = repaired(text.as_bytes());
    assert!(report.unmarked_tip);
    assert_eq!(lines.len(), 4);
}

#[test]
fn compactions_are_relinked_too() {
    let kept = user("b", Some("a"), "kept");
    let marker = compaction("k", "lost", "b");
    let text = format!(
        "{HEADER}\n{}\n{kept}\n\0\n{marker}\n",
        user("a", None, "one")
    );
    let (_, lines) = repaired(text.as_bytes());
    assert_eq!(lines[3], compaction("k", "b", "b"));
}

#[test]
fn originals_are_never_overwritten() {
    let damaged = format!("{HEADER}\n\0\n{}\n", user("a", None, "x"));
    let (dir, path) = file(damaged.as_bytes());
    let mut kept: Vec<_> = (0..3)
        .map(|n| {
            fs::write(&path, format!("{damaged}{n}")).unwrap();
            repair(&path).unwrap().original.unwrap()
        })
        .collect();
    for (n, kept) in kept.iter().enumerate() {
        assert_eq!(fs::read_to_string(kept).unwrap(), format!("{damaged}{n}"));
    }
    kept.dedup();
    assert_eq!((kept.len(), names(dir.path()).len()), (3, 4));
}

#[test]
fn a_writer_is_not_disturbed() {
    let (dir, path) = file(format!("{HEADER}\n\0\n").as_bytes());
    let (_file, lock) = open_for_writing(&path).unwrap();
    assert!(matches!(repair(&path), Err(Error::Locked { .. })));
    assert_eq!(names(dir.path()), ["name.jsonl"]);
    drop(lock);
    let reader = SessionLog::open(&path).unwrap();
    assert!(repair(&path).unwrap().original.is_some());
    // Who reads the original goes on reading it.
    let damage = Extent {
        start: reader.problems()[0].byte,
        len: 1,
    };
    assert_eq!(reader.read_extent(damage).unwrap(), b"\0");
    open_for_writing(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn through_a_link_the_file_itself_is_repaired() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (dir, path) = file(format!("{HEADER}\n\0\n").as_bytes());
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    let report = repair(&link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{HEADER}\n"));
    let original = report.original.unwrap();
    assert!(original.starts_with(fs::canonicalize(dir.path()).unwrap()));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn a_link_into_another_directory_is_not_repaired() {
    use std::os::unix::fs::symlink;
    let damaged = format!("{HEADER}\n\0\n");
    let (outside, path) = file(damaged.as_bytes());
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link.jsonl");
    symlink(&path, &link).unwrap();
    // Nor by a link to it that stands beside it.
    let near = dir.path().join("near.jsonl");
    symlink("link.jsonl", &near).unwrap();
    let files = fs::read_dir(outside.path()).unwrap().count();
    for link in [&link, &near] {
        let error = repair(link).unwrap_err();
        let real = fs::canonicalize(&path).unwrap();
        let said = format!("sessionlog repair {}", real.display());
        assert!(error.to_string().contains(&said), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), files);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    // Named itself, it is repaired, in a linked directory too.
    symlink(outside.path(), dir.path().join("there")).unwrap();
    let through = dir.path().join("there").join(path.file_name().unwrap());
    assert!(repair(&through).unwrap().original.is_some());
}

/// The bridge leads to `a`, but another entry of that name stands nearer: no `parent_id` can say so.
#[test]
fn what_cannot_be_said_is_not_changed() {
    let again = r#"{"type":"label","id":"a","parent_id":null}"#;
    let text = format!(
        "{HEADER}\n{}\n{again}\n\0\n{}\n",
        user("a", None, "one"),
        user("c", Some("lost"), "two")
    );
    let (dir, path) = file(text.as_bytes());
    assert!(matches!(repair(&path), Err(Error::RepeatedIds { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(names(dir.path()), ["name.jsonl"]);
}

#[test]
fn many_and_long_records() {
    let mut text = format!("{HEADER}\n{}\n", user("n0", None, &"x".repeat(3 << 20)));
    for n in 1..100_000 {
        let parent = format!("n{}", n - 1);
        text += &user(&format!("n{n}"), Some(&parent), "x");
        text += if n % 1000 == 0 { "\n\0\n" } else { "\n" };
    }
    let (_dir, path) = file(text.as_bytes());
    let report = repair(&path).unwrap();
    assert_eq!((report.corrupt, report.entries), (99, 100_000));
    assert_eq!(fs::read_to_string(&path).unwrap(), text.replace("\0\n", ""));
    assert!(verify(&path).unwrap().is_sound());
}

#[test]
fn a_sound_session_is_left_alone() {
    for end in ["\n", ""] {
        let text = format!("{HEADER}\n\n{}\r\n{}{end}", user("a", None, "x"), leaf("a"));
        let (dir, path) = file(text.as_bytes());
        let report = repair(&path).unwrap();
        assert_eq!((report.original, report.entries), (None, 2));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(names(dir.path()), ["name.jsonl"]);
    }
}

#[test]
fn what_was_spent_stays_spent_when_its_entry_is_lost() {
    use crate::{NewSession, Session, SessionStore};
    use sessionlog_core::{journal::Options, record::Verbatim};
    let dir = tempfile::tempdir().unwrap();
    let store = SessionStore::at(dir.path());
    let mut session = Session::create(&store, &NewSession::default(), Options::default()).unwrap();
    for n in 1..4 {
        let answer = format!(r#"{{"role":"assistant","usage":{{"input_tokens":{n}}}}}"#);
        session.append(&Verbatim(answer.as_bytes())).unwrap();
        session.end_turn().unwrap();
    }
    let path = session.path().to_owned();
    drop(session);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("tokens\":2}", "tokens\":9}")).unwrap();
    assert!(!crate::verify(&path).unwrap().is_sound());
    assert_eq!(repair(&path).unwrap().corrupt, 1);
    let found = crate::verify(&path).unwrap();
    assert!(found.is_sound());
    assert!(!found.problems.is_empty() && found.problems.iter().all(|p| p.kind.is_note()));
    let session = Session::open(&path, Options::default()).unwrap();
    assert_eq!(session.spent().usage.input_tokens, 6);
}

/// A header tells of the last repair that left out corrupt lines, and once (F9).
#[test]
fn the_last_repair_is_told() {
    let sum =
        r#"{"input_tokens":0,"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0}"#;
    let totals = format!(
        r#","totals":{{"branch":{sum},"spent":{sum},"turns":1,"watermark":0,"next_seq":9}}}}"#
    );
    let end = sealed(&leaf("a").replace('}', &totals));
    let header = HEADER.replace(
        ",\"writer\"",
        ",\"repaired\":\"2026-05-22T12:00:00.000Z\",\"x\":[1.50,1e999],\"writer\"",
    );
    let text = format!("{header}\n{}\n\0\n{end}\n", user("a", None, "x"));
    let (report, lines) = repaired(text.as_bytes());
    assert_eq!(report.corrupt, 1);
    assert_eq!(lines[0].matches("\"repaired\"").count(), 1);
    assert!(lines[0].contains("\"x\":[1.50,1e999]"), "{}", lines[0]);
    let noted = crate::HeaderInfo::from_record(lines[0].as_bytes()).unwrap();
    assert!(noted.repaired.unwrap().as_str() > "2026-05-22T13");
    // Without corrupt lines it stays as it was.
    let torn = format!("{header}\n{}\n{end}\n{{\"type", user("a", None, "x"));
    assert_eq!(repaired(torn.as_bytes()).1[0], header);
}
