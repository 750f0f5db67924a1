//! Where sessions are on a disk.

use crate::Error;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Directories in directories that are looked into at most.
const MAX_DEPTH: usize = 16;

/// The files in a directory, however deep, that may be sessions by their names (`.jsonl`, `.json`, `.jsonl.zst`), in
/// order. Links are not followed, and backups that claw-code keeps (`.rot-…`) are left out.
///
/// # Errors
/// [`Error::Io`] when `dir` cannot be read; directories in it that cannot be are left out.
pub fn session_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut dirs = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = dirs.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(Error::io(dir, "list")(error)),
            Err(_) => continue,
        };
        for entry in entries.filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => {
                    dirs.push((entry.path(), depth + 1));
                }
                Ok(kind) if kind.is_file() && is_candidate(&entry.path()) => {
                    files.push(entry.path());
                }
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_candidate(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let name = name.strip_suffix(".zst").unwrap_or(name);
    let ends = [".jsonl", ".json"].iter().any(|end| name.ends_with(end));
    ends && !is_backup(name)
}

/// `STEM.rot-MILLISECONDS.jsonl`.
fn is_backup(name: &str) -> bool {
    let stem = name.strip_suffix(".jsonl").unwrap_or(name);
    stem.rsplit_once(".rot-").is_some_and(|(_, digits)| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_to_look_into() {
        for (name, is) in [
            ("a.jsonl", true),
            ("a.jsonl.zst", true),
            ("a.json", true),
            ("session-1.rot-1775386842352.jsonl", false),
            ("a.rot-.jsonl", true),
            ("a.rot-x.jsonl", true),
            ("a.txt", false),
            ("a.zst", false),
        ] {
            assert_eq!(is_candidate(Path::new(name)), is, "{name}");
        }
    }
}
