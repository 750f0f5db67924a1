//! Sessions of extreme shape: trees, and a torn tail.

use crate::{Error, START_MS};
use sessionlog_core::{
    EntryId, IdKind, Timestamp,
    payload::{InputContent, UserMessage},
    record::{Header, LeafEntry, MessageEntry},
};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

/// How the entries hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Each entry follows the one before.
    Chain,
    /// All follow the first: as many branches as entries but one.
    Branches,
    /// Two follow each entry of a chain, one of which ends there: a fork within a fork within a fork.
    Forks,
}

/// Makes a session of `entries` short messages in a new file at `path`; the last one is the tip.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write(path: &Path, tree: Tree, entries: u64) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    let mut line = Vec::new();
    let timestamp = Timestamp::from_unix_ms(START_MS);
    let header = Header {
        id: "shape",
        timestamp,
        cwd: "/w",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    };
    header
        .encode(&mut line)
        .map_err(|error| format!("{error:?}"))?;
    out.write_all(&line)?;
    let id = |number| EntryId::own(IdKind::Message, number);
    for number in 1..=entries {
        let parent = match tree {
            _ if number == 1 => None,
            Tree::Chain => Some(number - 1),
            Tree::Branches => Some(1),
            // The chain is 1, 2, 4, 6 …: each even entry has an odd one beside it.
            Tree::Forks => Some((number / 2 * 2).saturating_sub(2).max(1)),
        };
        let parent = parent.map(id);
        let message = UserMessage {
            content: &[InputContent::text("a short text")],
            timestamp_ms: START_MS,
        };
        let entry = MessageEntry {
            id: &id(number),
            parent_id: parent.as_ref(),
            timestamp,
            message: &message,
        };
        line.clear();
        entry
            .encode(&mut line)
            .map_err(|error| format!("{error:?}"))?;
        out.write_all(&line)?;
    }
    let leaf = LeafEntry {
        id: &EntryId::own(IdKind::Leaf, entries + 1),
        timestamp,
        entry_id: &id(entries),
        totals: None,
    };
    line.clear();
    leaf.encode(&mut line)
        .map_err(|error| format!("{error:?}"))?;
    out.write_all(&line)?;
    out.flush()?;
    Ok(())
}

/// Appends the first `bytes` bytes of a message of double that length to the session at `path`: what a kill leaves.
///
/// # Errors
/// When the file cannot be written.
pub fn tear(path: &Path, bytes: usize, corpus: &crate::text::Corpus) -> Result<(), Error> {
    let mut rng = crate::rng::Rng::new(0x7EA2);
    let mut text = String::with_capacity(bytes * 2);
    while text.len() < bytes * 2 {
        text.push_str(corpus.slice(&mut rng, 50_000));
    }
    let content = [InputContent::text(&text)];
    let entry = MessageEntry {
        id: &EntryId::own(IdKind::Message, 1_000_000_000),
        parent_id: None,
        timestamp: Timestamp::from_unix_ms(START_MS),
        message: &UserMessage {
            content: &content,
            timestamp_ms: START_MS,
        },
    };
    let mut line = Vec::with_capacity(bytes * 3);
    entry
        .encode(&mut line)
        .map_err(|error| format!("{error:?}"))?;
    let mut file = File::options().append(true).open(path)?;
    file.write_all(&line[..bytes])?;
    Ok(())
}
