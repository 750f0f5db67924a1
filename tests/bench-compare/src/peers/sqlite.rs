//! The same session as an SQLite table: what someone who needs a fast resume would build.
//!
//! A row an entry, keyed by its place in the file, with its parent's; the session's row has the tip and the totals. A
//! resume follows the parents from the tip to the first entry that the last compaction keeps.

use rusqlite::{Connection, OpenFlags, Statement, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use sessionlog_bench::{Error, lines};
use std::{borrow::Cow, collections::HashMap, fs::File, path::Path};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    CREATE TABLE entry (seq INTEGER PRIMARY KEY, parent INTEGER, kept INTEGER, body TEXT NOT NULL);
    CREATE TABLE session (tip INTEGER NOT NULL, tokens INTEGER NOT NULL);";

/// From the tip back to the first kept entry of the newest compaction on the branch, or to the root.
const LIVE: &str = "
    WITH RECURSIVE live (seq, parent, stop) AS (
        SELECT seq, parent, kept FROM entry WHERE seq = (SELECT tip FROM session)
        UNION ALL
        SELECT entry.seq, entry.parent, coalesce(live.stop, entry.kept)
        FROM live JOIN entry ON entry.seq = live.parent
        WHERE live.seq IS NOT live.stop
    )
    SELECT entry.kept, entry.body FROM live JOIN entry USING (seq) ORDER BY seq";

#[derive(Deserialize)]
struct Entry<'a> {
    r#type: &'a str,
    id: Cow<'a, str>,
    #[serde(default)]
    parent_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
    #[serde(default, borrow)]
    summary: Option<&'a RawValue>,
    #[serde(default)]
    first_kept_entry_id: Option<Cow<'a, str>>,
    #[serde(default)]
    entry_id: Option<Cow<'a, str>>,
    #[serde(default)]
    totals: Option<Totals>,
}

#[derive(Deserialize)]
struct Totals {
    branch: Buckets,
}

#[derive(Deserialize)]
struct Buckets {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
}

impl Buckets {
    fn total(&self) -> u64 {
        self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens
    }
}

/// Makes the table from a session of ours.
pub fn import(session: &Path, to: &Path) -> Result<(), Error> {
    let mut connection = Connection::open(to)?;
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.transaction()?;
    let mut importer = Importer {
        insert: transaction.prepare("INSERT INTO entry VALUES (?1, ?2, ?3, ?4)")?,
        numbers: HashMap::new(),
        tip: 0,
        tokens: 0,
    };
    let mut failed = None;
    lines::each(File::open(session)?, |line| {
        if let Err(error) = importer.take(line) {
            failed = Some(error);
        }
    })?;
    let (tip, tokens) = (importer.tip, i64::try_from(importer.tokens)?);
    drop(importer);
    transaction.execute("INSERT INTO session VALUES (?1, ?2)", params![tip, tokens])?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    failed.map_or(Ok(()), Err)
}

struct Importer<'a> {
    insert: Statement<'a>,
    numbers: HashMap<String, i64>,
    tip: i64,
    tokens: u64,
}

impl Importer<'_> {
    fn take(&mut self, line: &[u8]) -> Result<(), Error> {
        let entry: Entry<'_> = serde_json::from_slice(line)?;
        if let Some(totals) = &entry.totals {
            self.tokens = totals.branch.total();
        }
        let number = |id: Option<Cow<'_, str>>| id.and_then(|id| self.numbers.get(&*id)).copied();
        match (entry.r#type, entry.message.or(entry.summary)) {
            ("session", _) => {}
            ("leaf", _) => self.tip = number(entry.entry_id).ok_or("a leaf without its entry")?,
            (_, None) => return Err("an entry without content".into()),
            (_, Some(body)) => {
                let parent = number(entry.parent_id);
                let kept = number(entry.first_kept_entry_id);
                let next = self.numbers.len() as i64 + 1;
                self.insert
                    .execute(params![next, parent, kept, body.get()])?;
                self.numbers.insert(entry.id.into_owned(), next);
                self.tip = next;
            }
        }
        Ok(())
    }
}

/// An entry of the context: whether it is a summary, and the payload.
pub type Live = (bool, String);

/// Opens the table for writing and reads the live branch and the totals.
pub fn resume(path: &Path) -> Result<(Vec<Live>, u64, Connection), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let tokens: i64 = connection.query_row("SELECT tokens FROM session", [], |row| row.get(0))?;
    let mut statement = connection.prepare(LIVE)?;
    let rows = statement.query_map([], |row| {
        let kept: Option<i64> = row.get(0)?;
        Ok((kept.is_some(), row.get(1)?))
    })?;
    let mut context: Vec<Live> = rows.collect::<Result<_, _>>()?;
    // An older compaction within the kept part adds nothing; the newest one comes first.
    let newest = context.iter().rposition(|(summary, _)| *summary);
    let summary = newest.map(|at| context.remove(at));
    context.retain(|(summary, _)| !summary);
    context.splice(0..0, summary);
    drop(statement);
    Ok((context, u64::try_from(tokens)?, connection))
}

/// Sums the usage of every message.
pub fn sum_usage(path: &Path) -> Result<u64, Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sum: i64 = connection.query_row(
        "SELECT sum(json_extract(body, '$.usage.input_tokens') + json_extract(body, '$.usage.output_tokens')
            + json_extract(body, '$.usage.cache_read_tokens') + json_extract(body, '$.usage.cache_write_tokens'))
         FROM entry WHERE kept IS NULL",
        [],
        |row| row.get(0),
    )?;
    Ok(u64::try_from(sum)?)
}
