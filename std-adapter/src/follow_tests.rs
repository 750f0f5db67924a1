use super::*;
use crate::{
    repair,
    testing::{HEADER, file, leaf, user},
};
use std::{io::Write as _, path::Path};

/// What a follower tells, in short.
fn told(follower: &mut Follower) -> Vec<String> {
    let mut told = vec![];
    let there = follower.poll(|followed| {
        told.push(match followed {
            Followed::Entry { record, bytes } => {
                assert!(bytes.starts_with(b"{") && bytes.ends_with(b"}"));
                assert_eq!(bytes.len() as u64, record.len);
                record.id.as_ref().map_or("?".into(), ToString::to_string)
            }
            Followed::Damaged(damage) => format!("damaged at {}", damage.line_start),
            Followed::TakenBack { lines } => format!("{lines} taken back"),
            Followed::Replaced { anew } => format!("replaced, anew: {anew}"),
        });
        Ok::<_, Error>(())
    });
    if !there.unwrap() {
        told.push("gone".into());
    }
    told
}

fn append(path: &Path, bytes: &str) {
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(bytes.as_bytes()).unwrap();
}

fn line(id: &str, parent: &str) -> String {
    user(id, Some(parent), "text") + "\n"
}

fn begun() -> (tempfile::TempDir, PathBuf, Follower) {
    let (dir, path) = file(format!("{HEADER}\n{}\n", user("a", None, "x")).as_bytes());
    let log = SessionLog::open(&path).unwrap();
    let follower = Follower::after(&log).unwrap();
    (dir, path, follower)
}

#[test]
fn an_entry_is_told_once_when_its_line_is_whole() {
    let (_dir, path, mut follower) = begun();
    assert!(told(&mut follower).is_empty());
    let b = line("b", "a");
    for piece in [&b[..1], &b[1..40], &b[40..b.len() - 1]] {
        append(&path, piece);
        assert!(told(&mut follower).is_empty());
    }
    append(&path, "\n");
    assert_eq!(told(&mut follower), ["b"]);
    append(
        &path,
        &(line("c", "b") + &leaf("b") + "\n" + &line("d", "c")),
    );
    assert_eq!(told(&mut follower), ["c", "l", "d"]);
    assert!(told(&mut follower).is_empty());
}

#[test]
fn a_last_record_without_line_end_was_told_before() {
    let (_dir, path) = file(format!("{HEADER}\n{}", user("a", None, "x")).as_bytes());
    let log = SessionLog::open(&path).unwrap();
    assert_eq!(log.node_count(), 1);
    let mut follower = Follower::after(&log).unwrap();
    append(&path, &format!("\n{}", line("b", "a")));
    assert_eq!(told(&mut follower), ["b"]);
}

#[test]
fn what_is_taken_back_is_told() {
    let (_dir, path, mut follower) = begun();
    let len = fs::metadata(&path).unwrap().len();
    append(&path, &(line("b", "a") + &line("c", "b")));
    assert_eq!(told(&mut follower), ["b", "c"]);
    let cut = |to: u64| {
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(to).unwrap();
    };
    cut(len);
    // Grown again meanwhile, to more than there was.
    append(&path, &(line("d", "a") + &line("e", "d") + &line("f", "e")));
    assert_eq!(told(&mut follower), ["2 taken back", "d", "e", "f"]);
    cut(len + 10);
    assert_eq!(told(&mut follower), ["3 taken back"]);
    cut(len);
    append(&path, &line("g", "a"));
    assert_eq!(told(&mut follower), ["g"]);
}

#[test]
fn a_damaged_line_is_told_and_passed_over() {
    let (_dir, path, mut follower) = begun();
    let at = fs::metadata(&path).unwrap().len();
    append(&path, &format!("nonsense\n{}", line("b", "a")));
    assert_eq!(
        told(&mut follower),
        [format!("damaged at {at}"), "b".into()]
    );
}

#[test]
fn a_repaired_file_is_gone_on_with() {
    let (_dir, path, mut follower) = begun();
    append(&path, &format!("nonsense\n{}", line("b", "a")));
    assert_eq!(told(&mut follower).len(), 2);
    repair(&path).unwrap();
    append(&path, &line("c", "b"));
    assert_eq!(told(&mut follower), ["replaced, anew: false", "c"]);
    append(&path, &line("d", "c"));
    assert_eq!(told(&mut follower), ["d"]);
    // Another session altogether.
    let other = path.with_extension("other");
    fs::write(&other, format!("{HEADER}\n{}", line("z", "y"))).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(told(&mut follower), ["replaced, anew: true", "z"]);
    fs::remove_file(&path).unwrap();
    assert_eq!(told(&mut follower), ["gone"]);
}

#[test]
fn a_line_longer_than_what_is_read_at_once() {
    let (_dir, path, mut follower) = begun();
    let long = user("b", Some("a"), &"x".repeat(3 << 20)) + "\n";
    let (first, rest) = long.split_at(2 << 20);
    append(&path, first);
    assert!(told(&mut follower).is_empty());
    append(&path, &(rest.to_owned() + &line("c", "b")));
    assert_eq!(told(&mut follower), ["b", "c"]);
}
