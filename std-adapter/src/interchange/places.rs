//! Where sessions are on a disk.

use crate::{Error, HeaderFault, SessionInfo};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// So many directories deep [`search`] looks: no agent keeps its sessions deeper than four.
pub const MAX_DEPTH: usize = 16;

/// Where the other agents keep their sessions, whether anything is there or not. Each one's own environment variable
/// goes before its usual place: `CLAUDE_CONFIG_DIR`, `CODEX_HOME`, `PI_CODING_AGENT_DIR`, `OPI_SESSIONS_DIR`,
/// `CLAW_CONFIG_HOME`; claw-code's are in the directory that it works in, here `cwd`.
#[must_use]
pub fn usual_places(cwd: &Path) -> Vec<PathBuf> {
    places(cwd, |name| env::var_os(name))
}

fn places(cwd: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let home = set("HOME")
        .or_else(|| set("USERPROFILE"))
        .map(PathBuf::from);
    let or_home = |name: &str, usual: &str| {
        let given = set(name).map(PathBuf::from);
        given.or_else(|| home.as_ref().map(|home| home.join(usual)))
    };
    let data = or_home("XDG_DATA_HOME", ".local/share");
    let opi = set("OPI_SESSIONS_DIR").map(PathBuf::from);
    let codex = or_home("CODEX_HOME", ".codex");
    let claw = set("CLAW_CONFIG_HOME").map(PathBuf::from);
    let found = [
        or_home("CLAUDE_CONFIG_DIR", ".claude").map(|dir| dir.join("projects")),
        codex.as_ref().map(|dir| dir.join("sessions")),
        codex.map(|dir| dir.join("archived_sessions")),
        or_home("PI_CODING_AGENT_DIR", ".pi/agent").map(|dir| dir.join("sessions")),
        opi.or_else(|| data.map(|dir| dir.join("opi/sessions"))),
        Some(cwd.join(".claw/sessions")),
        claw.map(|dir| dir.join("sessions")),
    ];
    found.into_iter().flatten().collect()
}

/// What [`search`] found in a directory and below it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Searched {
    /// The files that may be sessions by their names, in order.
    pub files: Vec<PathBuf>,
    /// The directories that were not looked into, in order, and why: [`Error::TooDeep`] of what lies more than
    /// [`MAX_DEPTH`] directories deep, [`Error::Io`] of what the system did not let be read.
    pub left_out: Vec<(PathBuf, Error)>,
}

impl Searched {
    /// The sessions among the files, of every format that is known: what a list shows of them, in the order of their paths.
    /// What is no session is left out; a file that may be one and cannot be read is there, with the reason.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let read = self
            .files
            .iter()
            .filter_map(|file| SessionInfo::read_any(file));
        read.filter(|info| {
            let unreadable = matches!(info.header, Err(HeaderFault::Unreadable(_)));
            info.format.is_some() || info.header.is_ok() || unreadable
        })
        .collect()
    }
}

/// Looks in a directory, and in those in it up to [`MAX_DEPTH`] deep, for files that may be sessions by their names
/// (`.jsonl`, `.json`, `.jsonl.zst`). Links are not followed, and backups that claw-code keeps (`.rot-…`) are left out.
///
/// # Errors
/// [`Error::Io`] when `dir` cannot be read; what directories in it cannot be is told in the answer.
pub fn search(dir: &Path) -> Result<Searched, Error> {
    let mut found = Searched::default();
    let mut dirs = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = dirs.pop() {
        if depth > MAX_DEPTH {
            let path = dir.clone();
            found.left_out.push((dir, Error::TooDeep { path }));
            continue;
        }
        let entries = match fs::read_dir(&dir).map_err(Error::io(&dir, "list")) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(error),
            Err(error) => {
                found.left_out.push((dir, error));
                continue;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => dirs.push((entry.path(), depth + 1)),
                Ok(kind) if kind.is_file() && is_candidate(&entry.path()) => {
                    found.files.push(entry.path());
                }
                _ => {}
            }
        }
    }
    found.files.sort();
    found
        .left_out
        .sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// [`Searched::sessions`] of a directory.
///
/// # Errors
/// Those of [`search`].
pub fn sessions_in(dir: &Path) -> Result<Vec<SessionInfo>, Error> {
    Ok(search(dir)?.sessions())
}

/// [`Searched::files`] of a directory.
///
/// # Errors
/// Those of [`search`].
pub fn session_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(search(dir)?.files)
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
pub(super) fn is_backup(name: &str) -> bool {
    let stem = name.strip_suffix(".jsonl").unwrap_or(name);
    stem.rsplit_once(".rot-").is_some_and(|(_, digits)| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_go_before_the_usual_places() {
        let at = |set: &[(&str, &str)]| {
            let found = places(Path::new("/w"), |name| {
                let value = set.iter().find(|(other, _)| *other == name);
                value.map(|(_, value)| value.into())
            });
            let text = |path: PathBuf| path.to_str().unwrap().replace('\\', "/");
            found.into_iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(at(&[]), ["/w/.claw/sessions"]);
        let usual = [
            "/h/.claude/projects",
            "/h/.codex/sessions",
            "/h/.codex/archived_sessions",
            "/h/.pi/agent/sessions",
            "/h/.local/share/opi/sessions",
            "/w/.claw/sessions",
        ];
        assert_eq!(at(&[("HOME", "/h"), ("CODEX_HOME", "")]), usual);
        let set = [
            ("HOME", "/h"),
            ("CLAUDE_CONFIG_DIR", "/a"),
            ("CODEX_HOME", "/b"),
            ("PI_CODING_AGENT_DIR", "/c"),
            ("OPI_SESSIONS_DIR", "/d"),
            ("CLAW_CONFIG_HOME", "/e"),
        ];
        let own = [
            "/a/projects",
            "/b/sessions",
            "/b/archived_sessions",
            "/c/sessions",
            "/d",
            "/w/.claw/sessions",
            "/e/sessions",
        ];
        assert_eq!(at(&set), own);
    }

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
