//! Sessions that were damaged and repaired: opi reads them clean, to the same context and the same tip, once a leaf names it.

use sessionlog_interop::*;
use std::{fs, path::PathBuf};

/// Turns, a branch that was given up, a compaction, and an entry of an unknown type.
fn session(dir: &std::path::Path) -> PathBuf {
    let path = made(dir, &["new"]);
    let spec = path.to_str().expect("UTF-8").to_owned();
    let say = |texts: &[&str]| {
        let line = |text: &&str| {
            format!(
                r#"{{"role":"user","content":[{{"type":"text","text":"{text}"}}],"timestamp_ms":0}}"#
            ) + "\n\n"
        };
        let lines: String = texts.iter().map(line).collect();
        ok(dir, &["append", &spec], &lines)
    };
    let ids = say(&["one", "two", "three"]);
    let first = ids.lines().next().expect("an id");
    ok(dir, &["leaf", &spec, first], "");
    say(&["another two", "another three", "four"]);
    ok(
        dir,
        &["compact", &spec, "--summary=s", "--keep=messages:2"],
        "",
    );
    say(&["five"]);
    path
}

#[test]
fn opi_reads_what_was_repaired() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = session(dir.path());
    let spec = path.to_str().expect("UTF-8");
    let whole = fs::read(&path).expect("readable");
    let (mut repaired, mut marked) = (0, 0);
    // Each line is hit, at a place that moves through it from line to line; then cut, NUL, 0xFF, a byte more, one less.
    let starts: Vec<usize> = std::iter::once(0)
        .chain((1..whole.len()).filter(|at| whole[at - 1] == b'\n'))
        .collect();
    for (n, start) in starts.iter().enumerate() {
        let len = whole[*start..]
            .iter()
            .position(|b| *b == b'\n')
            .expect("a line end");
        for part in [n + 1, 5 * n + 40] {
            let at = start + part % len;
            let mut damaged = vec![whole[..at].to_vec()];
            for (bytes, taken) in [(&[0][..], 1), (&[0xff], 1), (b"x", 0), (b"", 1)] {
                damaged.push([&whole[..at], bytes, &whole[at + taken..]].concat());
            }
            for bytes in damaged {
                fs::write(&path, &bytes).expect("writable");
                let ran = run(dir.path(), &["repair", "--json", spec], "");
                if ran.status.code() == Some(1) {
                    // Nothing but a torn header is left: there is no session.
                    assert_eq!(n, 0, "{}", String::from_utf8_lossy(&ran.stderr));
                    continue;
                }
                let what = format!("byte {at}, line {}", n + 1);
                // opi goes by leaves alone, and a repair adds none: it says that one is wanted.
                let report: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
                if report["unmarked_tip"] == true {
                    let (_, tip) = ours(&path);
                    ok(dir.path(), &["leaf", spec, &tip.expect("a tip")], "");
                    marked += 1;
                }
                let (view, tip) = ours(&path);
                assert_eq!(view.status, "clean", "{what}");
                let theirs = opi(&path);
                assert_eq!(view, theirs, "{what}");
                assert_eq!(tip, opi_tip(&path), "{what}");
                repaired += 1;
            }
        }
    }
    println!("{repaired} repaired files read by opi, {marked} of them after a leaf");
    assert!(repaired > 100 && marked > 0);
}
