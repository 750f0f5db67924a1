//! The power goes while files come and go: `new`, `append`, `fork`, `repair`, `delete`.
//!
//! The real command runs, and its system calls are recorded. Then the power goes after each of them: of what was not synced anything
//! may be left, of contents as of names; a new file may be there without its name and a name without its bytes. What a
//! command has told has to be true by then.

use crate::support::{append_works, ends, left_out, new_session, report, scratch, sessionlog};
use sessionlog_tests::{
    model::{self, State},
    sim::disk::{Content, Detail},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A change of names: some go, one may come.
#[derive(Clone, Debug)]
struct Naming {
    gone: Option<PathBuf>,
    come: Option<(PathBuf, usize)>,
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((name, file)) = &self.come {
            names.insert(name.clone(), *file);
        }
    }

    fn dir(&self) -> Option<&Path> {
        let name = self
            .gone
            .as_ref()
            .or(self.come.as_ref().map(|(name, _)| name));
        name?.parent()
    }
}

/// A disk with directories.
#[derive(Debug, Default)]
struct Tree {
    files: Vec<Content>,
    live: BTreeMap<PathBuf, usize>,
    /// The names that are durable.
    base: BTreeMap<PathBuf, usize>,
    unsynced: Vec<Naming>,
    open: HashMap<u32, Opened>,
}

#[derive(Clone, Debug)]
enum Opened {
    File(usize),
    Dir(PathBuf),
}

/// What is left: contents by name.
type Image = BTreeMap<PathBuf, Vec<u8>>;

impl Tree {
    /// What is in `dir` and below, durably.
    fn of(dir: &Path) -> Self {
        let mut tree = Tree::default();
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                    continue;
                }
                tree.files.push(Content::holding(fs::read(&path).unwrap()));
                tree.live.insert(path, tree.files.len() - 1);
            }
        }
        tree.base = tree.live.clone();
        tree
    }

    fn change(&mut self, naming: Naming) {
        naming.apply(&mut self.live);
        self.unsynced.push(naming);
    }

    fn sync(&mut self, fd: u32) {
        match self.open.get(&fd) {
            Some(Opened::File(file)) => self.files[*file].sync(),
            Some(Opened::Dir(dir)) => {
                let (synced, others) = std::mem::take(&mut self.unsynced)
                    .into_iter()
                    .partition(|naming| naming.dir() == Some(dir.as_path()));
                let synced: Vec<Naming> = synced;
                synced
                    .iter()
                    .for_each(|naming| naming.apply(&mut self.base));
                self.unsynced = others;
            }
            None => {}
        }
    }

    /// Takes a line of strace's, of a call that succeeded, within `root`. True for one that changes or syncs anything.
    fn take(&mut self, line: &str, root: &Path) -> bool {
        let Some((call, rest)) = line.split_once('(') else {
            return false;
        };
        let (args, result) = rest.rsplit_once(" = ").unwrap_or((rest, "-1"));
        let result = result.split(' ').next().unwrap_or_default();
        let Ok(result) = result.parse::<u32>() else {
            return false;
        };
        let fd = || {
            args.split([',', ')'])
                .next()
                .and_then(|fd| fd.trim().parse::<u32>().ok())
        };
        let texts: Vec<Vec<u8>> = args.split('"').skip(1).step_by(2).map(bytes_of).collect();
        let path = |n: usize| {
            let text = String::from_utf8(texts.get(n)?.clone()).ok()?;
            Some(PathBuf::from(text)).filter(|path| path.starts_with(root))
        };
        let number = |n: usize| {
            let numbers = args.trim_end_matches(')').rsplit(", ");
            numbers
                .take(n + 1)
                .last()
                .and_then(|n| n.parse::<usize>().ok())
        };
        let come = |file: usize, name: PathBuf| Naming {
            gone: None,
            come: Some((name, file)),
        };
        match call {
            "openat" => {
                self.open.remove(&result);
                let Some(path) = path(0) else { return false };
                let created = !self.live.contains_key(&path) && args.contains("O_CREAT");
                if created {
                    self.files.push(Content::default());
                    self.change(come(self.files.len() - 1, path.clone()));
                }
                let opened = match self.live.get(&path) {
                    Some(file) if *file != usize::MAX => Opened::File(*file),
                    _ => Opened::Dir(path),
                };
                self.open.insert(result, opened);
                return created;
            }
            "fcntl" if args.contains("F_DUPFD") => {
                let opened = fd().and_then(|fd| self.open.get(&fd)).cloned();
                opened.map(|opened| self.open.insert(result, opened));
                return false;
            }
            "close" => {
                fd().map(|fd| self.open.remove(&fd));
                return false;
            }
            "pwrite64" | "ftruncate" => {
                let Some(Opened::File(file)) = fd().and_then(|fd| self.open.get(&fd)) else {
                    return false;
                };
                let at = number(0).unwrap();
                match texts.first() {
                    Some(bytes) => self.files[*file].write(at, &bytes[..result as usize]),
                    None => self.files[*file].cut(at),
                }
            }
            "fsync" | "fdatasync" => self.sync(fd().unwrap()),
            "link" | "linkat" => {
                let (Some(from), Some(to)) = (path(0), path(1)) else {
                    return false;
                };
                self.change(come(self.live[&from], to));
            }
            "rename" | "renameat" | "renameat2" => {
                let (Some(from), Some(to)) = (path(0), path(1)) else {
                    return false;
                };
                let naming = Naming {
                    come: Some((to, self.live[&from])),
                    gone: Some(from),
                };
                self.change(naming);
            }
            "unlink" | "unlinkat" => {
                let gone = path(0);
                self.change(Naming { gone, come: None });
            }
            "mkdir" | "mkdirat" => {
                let Some(dir) = path(0) else { return false };
                // A directory is a name that leads to no file.
                self.change(come(usize::MAX, dir));
            }
            _ => return false,
        }
        true
    }

    /// Everything that a loss of power may leave.
    fn images(&self) -> Vec<Image> {
        let mut images = vec![];
        let mut seen = BTreeSet::new();
        for which in 0..1_u32 << self.unsynced.len() {
            let mut names = self.base.clone();
            let changes = self.unsynced.iter().enumerate();
            let left = changes.filter(|(n, _)| which >> n & 1 == 1);
            left.for_each(|(_, naming)| naming.apply(&mut names));
            names.retain(|_, file| *file != usize::MAX);
            if !seen.insert(names.clone()) {
                continue;
            }
            let mut these = vec![Image::new()];
            for (name, file) in names {
                let contents = self.files[file].images(Detail::Few);
                let mut more = vec![];
                for image in &these {
                    for bytes in &contents {
                        let mut image = image.clone();
                        image.insert(name.clone(), bytes.clone());
                        more.push(image);
                    }
                }
                these = more;
            }
            images.extend(these);
        }
        images
    }
}

/// The bytes of a string that strace has written as hexadecimal escapes.
fn bytes_of(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits
        .map(|two| u8::from_str_radix(two, 16).unwrap())
        .collect()
}

/// Runs the command on the sessions in `dir`, and holds everything that a loss of power may leave at any moment against
/// `check`, which is told whether the command has said that it is done. Gives how many images there were.
fn lose_power(
    dir: &Path,
    args: &[&str],
    input: Option<&Path>,
    check: impl Fn(&Image, bool),
) -> u64 {
    let mut tree = Tree::of(dir);
    let home = scratch();
    let trace = home.path().join("trace");
    let command = sessionlog(dir, args);
    let mut strace = Command::new("strace");
    let calls = "trace=openat,pwrite64,write,ftruncate,fdatasync,fsync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,fcntl,close";
    strace.args(["-qq", "-xx", "-s", "100000000", "-e", calls, "-o"]);
    strace.arg(&trace).arg(command.get_program()).args(args);
    strace.env("SESSIONLOG_DIR", dir);
    strace.stdin(input.map_or_else(Stdio::null, |path| fs::File::open(path).unwrap().into()));
    strace.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = strace.spawn();
    let child =
        child.expect("strace is needed; SESSIONLOG_FAULTS_WITHOUT=strace leaves this test out");
    let ended = ends(child, "a traced command");
    assert!(
        ended.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let (mut images, mut told) = (0, false);
    for line in fs::read_to_string(trace).unwrap().lines() {
        // On standard output or, as words, on standard error.
        let tells = line.starts_with("write(1,") || line.starts_with("write(2,");
        told |= tells;
        if tree.take(line, dir) || tells {
            for image in tree.images() {
                images += 1;
                check(&image, told);
            }
        }
    }
    assert!(told && images > 1, "{args:?}");
    // The model has understood the trace: it has what is really there.
    let really = Tree::of(dir).images().remove(0);
    let live: Image = tree
        .live
        .iter()
        .filter(|(_, file)| **file != usize::MAX)
        .map(|(name, file)| (name.clone(), tree.files[*file].live().to_vec()))
        .collect();
    assert!(
        live == really,
        "{args:?}: {:?}, {:?}",
        live.keys(),
        really.keys()
    );
    // And nothing hangs in the air.
    let left = tree.images();
    assert!(left == [really], "{args:?}: {} images are left", left.len());
    images
}

const LINES: &str =
    "{\"role\":\"user\",\"content\":\"one\"}\n\n{\"role\":\"user\",\"content\":\"two\"}\n";

fn clean(bytes: &[u8], messages: usize) -> bool {
    let m = model::read(bytes);
    let header = matches!(m.header, model::Header::Valid { .. });
    header && m.state == State::Clean && m.context.len() == messages
}

#[test]
fn sessions_that_come_and_go_when_the_power_goes() {
    if left_out("strace") {
        return;
    }
    let home = scratch();
    let root = home.path();
    let mut images = 0;

    // A new session, in a directory that is new, too.
    let dir = root.join("store");
    images += {
        let store = dir.to_str().unwrap();
        lose_power(root, &["new", "--dir", store], None, |image, told| {
            let sessions: Vec<_> = image
                .iter()
                .filter(|(name, _)| name.starts_with(&dir))
                .collect();
            assert!(
                !told || sessions.len() == 1 && clean(sessions[0].1, 0),
                "new: {sessions:?}"
            );
        })
    };

    let dir = root.join("sessions");
    let path = new_session(&dir);
    let spec = path.to_str().unwrap();
    let input = root.join("input");
    fs::write(&input, LINES).unwrap();
    let before = fs::read(&path).unwrap();
    images += lose_power(&dir, &["append", spec], Some(&input), |image, told| {
        assert!(image[&path].starts_with(&before), "append");
        // The first id was told; the second turn may be on its way.
        let there = model::read(&image[&path]).context.len();
        assert!(!told || there >= 1, "append");
    });

    let whole = fs::read(&path).unwrap();
    images += lose_power(&dir, &["fork", spec], None, |image, told| {
        assert_eq!(image[&path], whole, "fork");
        let fork = image.iter().find(|(name, _)| **name != path);
        assert!(
            !told || fork.is_some_and(|(_, bytes)| clean(bytes, 2)),
            "fork"
        );
    });

    // At every moment there is a session at the path, the old one or the whole new one, and with the new one the old one beside it.
    let mut damaged = whole.clone();
    let at = damaged.len() - 10;
    damaged[at] ^= 1;
    fs::write(&path, &damaged).unwrap();
    images += lose_power(&dir, &["repair", spec], None, |image, told| {
        let there = image.get(&path).expect("a session at the path");
        if *there == damaged {
            assert!(!told, "repair");
            return;
        }
        assert!(clean(there, 2), "repair: {}", there.escape_ascii());
        let kept = image
            .iter()
            .any(|(name, bytes)| *name != path && *bytes == damaged);
        assert!(kept, "repair: the original is lost");
    });
    append_works(&path, 0, "after the repair");

    images += lose_power(&dir, &["delete", "--yes", spec], None, |image, told| {
        assert!(!told || !image.contains_key(&path), "delete");
    });
    report(
        "power, while files come and go (strace)",
        &format!(
            "new, append, fork, repair, delete: {images} images of the disk, 0 sessions lost, nothing told before it was durable"
        ),
    );
}
