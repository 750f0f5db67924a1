//! A realistic session of any size, streamed to its file by the core's journal as any program would write it.
//!
//! Turns of a question, a few tool calls with their results, and an answer; messages of 50 bytes to 50 KB, short ones
//! being the most; a compaction about every 200 messages; now and then the tip goes back a few turns and a branch is
//! left behind; three models report what they used. Every session that is large enough ends with the same live context,
//! whatever its size.

use crate::{Error, START_MS, rng::Rng, text::Corpus};
use embedded_io::{ErrorType, Read, Seek, SeekFrom, Write};
use sessionlog::FileStorage;
use sessionlog_core::{
    EntryId, Timestamp, Usage,
    compaction::{Keep, Reason},
    journal::{Durability, Journal, Options, Storage},
    payload::{
        Api, AssistantContent, AssistantMessage, InputContent, OutputContent, StopReason,
        ToolResultMessage, UserMessage,
    },
    record::Header,
};
use std::{fs::File, io, path::Path};

/// Messages after which a compaction comes.
const COMPACT_EVERY: usize = 200;

/// The end that sessions have in common: so many messages, a compaction that keeps some of them, and so many more.
const TAIL_BEFORE: usize = 30;
const TAIL_KEPT: u64 = 24;
const TAIL_AFTER: usize = 60;

/// Smaller sessions than this have no common end.
pub const LEAST_WITH_TAIL: u64 = 1_000_000;
/// About what the common end takes.
const TAIL_BYTES: u64 = 400_000;

/// What session is made.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Makes the content.
    pub seed: u64,
    /// About how many bytes, reached and then passed by less than a turn or, from [`LEAST_WITH_TAIL`] on, a little.
    pub bytes: u64,
    /// Its id.
    pub id: String,
}

impl Shape {
    /// About `bytes` bytes from seed 1.
    #[must_use]
    pub fn of(bytes: u64) -> Self {
        Self {
            seed: 1,
            bytes,
            id: "019b8d4c-9a00-7000-8000-000000000001".into(),
        }
    }
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Length of the file.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
    /// Compactions.
    pub compactions: u64,
    /// Branches left behind.
    pub branches: u64,
}

/// Makes a session in a new file at `path`.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write(path: &Path, shape: &Shape, corpus: &Corpus) -> Result<Made, Error> {
    let options = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .clone();
    let mut writer = Writer::new(options.open(path)?, shape, corpus)?;
    let tail = shape.bytes >= LEAST_WITH_TAIL;
    let body = shape.bytes - if tail { TAIL_BYTES } else { 0 };
    while writer.journal.len() < body {
        writer.turn()?;
        if writer.since >= COMPACT_EVERY {
            writer.compact(Keep::LastQuarter)?;
        } else if writer.rng.one_in(30) {
            writer.branch()?;
        }
    }
    if tail {
        writer.rng = Rng::new(0x7A11);
        writer.turns(TAIL_BEFORE)?;
        writer.compact(Keep::LastMessages(TAIL_KEPT))?;
        writer.turns(TAIL_AFTER)?;
    }
    writer.made.bytes = writer.journal.len();
    Ok(writer.made)
}

/// A file that need not survive the loss of power, since it can be made again.
struct Unsynced(FileStorage);

impl ErrorType for Unsynced {
    type Error = io::Error;
}

impl Read for Unsynced {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Seek for Unsynced {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.0.seek(pos)
    }
}

impl Write for Unsynced {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Storage for Unsynced {
    fn sync(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn truncate(&mut self, len: u64) -> io::Result<bool> {
        self.0.truncate(len)
    }
}

/// A clock that moves on by a second and a half each time it is asked.
fn clock() -> impl FnMut() -> Timestamp {
    let mut now = START_MS;
    move || {
        now += 1_500;
        Timestamp::from_unix_ms(now)
    }
}

struct Writer<'a, C> {
    journal: Box<Journal<Unsynced, C, 4096>>,
    window: Vec<u8>,
    rng: Rng,
    corpus: &'a Corpus,
    now: i64,
    calls: u64,
    /// Messages since the last compaction, and where turns ended among them.
    since: usize,
    ends: Vec<EntryId>,
    made: Made,
}

impl<'a> Writer<'a, ()> {
    fn new(
        file: File,
        shape: &Shape,
        corpus: &'a Corpus,
    ) -> Result<Writer<'a, impl FnMut() -> Timestamp>, Error> {
        let header = Header {
            id: &shape.id,
            timestamp: Timestamp::from_unix_ms(START_MS),
            cwd: "/home/dev/project",
            parent_session: None,
            branch_name: None,
            fork_point: None,
        };
        let options = Options {
            durability: Durability::Manual,
            ..Options::default()
        };
        let storage = Unsynced(FileStorage::new(file)?);
        let journal = Journal::create(storage, clock(), &header, options);
        Ok(Writer {
            journal: Box::new(journal.map_err(|error| format!("{error:?}"))?),
            window: vec![0; 64 << 10],
            rng: Rng::new(shape.seed),
            corpus,
            now: START_MS,
            calls: 0,
            since: 0,
            ends: vec![],
            made: Made::default(),
        })
    }
}

/// Journal errors do not borrow, and none is expected here: their text is enough.
fn told(error: impl std::fmt::Debug) -> Error {
    format!("{error:?}").into()
}

#[derive(serde::Serialize)]
struct Exit {
    exit_code: i32,
}

impl<C: FnMut() -> Timestamp> Writer<'_, C> {
    fn turns(&mut self, messages: usize) -> Result<(), Error> {
        let before = self.made.messages;
        while self.made.messages - before < messages as u64 {
            self.turn()?;
        }
        Ok(())
    }

    /// A question, some tool calls, an answer.
    fn turn(&mut self) -> Result<(), Error> {
        let length = match self.rng.one_in(8) {
            true => self.rng.length(50, 50_000),
            false => self.rng.length(50, 1_000),
        };
        let text = self.corpus.slice(&mut self.rng, length);
        let question = [InputContent::text(text)];
        let question = UserMessage {
            content: &question,
            timestamp_ms: self.tick(),
        };
        self.journal.append(&question).map_err(told)?;
        self.count();
        for _ in 0..self.rng.below(5) {
            self.tool()?;
        }
        let length = self.rng.length(50, 8_000);
        let text = self.corpus.slice(&mut self.rng, length);
        self.answer(&[AssistantContent::text(text)], StopReason::Stop)?;
        self.journal.end_turn().map_err(told)?;
        self.ends.extend(self.journal.tip());
        Ok(())
    }

    /// A tool call and its result.
    fn tool(&mut self) -> Result<(), Error> {
        self.calls += 1;
        let call = format!("toolu_{:020}", self.calls);
        let name = ["bash", "read", "edit", "grep"][self.rng.below(4)];
        let thought = self.rng.length(50, 3_000);
        let thought = self.corpus.slice(&mut self.rng, thought);
        let argument = self.rng.length(50, 1_000);
        let argument = self.corpus.slice(&mut self.rng, argument);
        let mut arguments = String::from("{\"command\":\"");
        arguments.extend(argument.escape_default());
        arguments.push_str("\"}");
        let content = [
            AssistantContent::thinking(thought),
            AssistantContent::tool_call(&call, name, &arguments),
        ];
        self.answer(&content, StopReason::ToolUse)?;
        let length = self.rng.length(50, 50_000);
        let output = [OutputContent::text(
            self.corpus.slice(&mut self.rng, length),
        )];
        let exit_code = i32::from(self.rng.one_in(10));
        let result = ToolResultMessage {
            tool_call_id: &call,
            tool_name: name,
            content: &output,
            details: Exit { exit_code },
            is_error: exit_code != 0,
            timestamp_ms: self.tick(),
        };
        self.journal.append(&result).map_err(told)?;
        self.count();
        Ok(())
    }

    fn answer(
        &mut self,
        content: &[AssistantContent<'_>],
        stop_reason: StopReason,
    ) -> Result<(), Error> {
        let (api, provider, model) = match self.rng.below(10) {
            0 => (Api::OpenAi, "openai", "gpt-5-mini"),
            1 => (Api::Google, "google", "gemini-2.5-flash"),
            _ => (Api::Anthropic, "anthropic", "claude-sonnet-4-5-20250929"),
        };
        let usage = Usage {
            input_tokens: 10 + self.rng.below(2_000) as u64,
            output_tokens: 20 + self.rng.below(1_500) as u64,
            cache_read_tokens: self.rng.below(120_000) as u64,
            cache_write_tokens: self.rng.below(6_000) as u64,
            ..Usage::default()
        };
        let message = AssistantMessage {
            content,
            api,
            provider,
            model,
            response_model: None,
            response_id: None,
            usage,
            stop_reason,
            error_message: None,
            timestamp_ms: self.tick(),
        };
        self.journal.append(&message).map_err(told)?;
        self.count();
        Ok(())
    }

    fn compact(&mut self, keep: Keep) -> Result<(), Error> {
        let plan = self
            .journal
            .plan(Reason::Threshold, keep, &mut self.window)
            .map_err(told)?;
        let length = self.rng.length(500, 4_000);
        let summary = self.corpus.slice(&mut self.rng, length);
        self.journal.commit(&plan, summary).map_err(told)?;
        self.made.compactions += 1;
        self.since = 0;
        self.ends.clear();
        Ok(())
    }

    /// Goes back a few turns, not behind the last compaction.
    fn branch(&mut self) -> Result<(), Error> {
        let back = 1 + self.rng.below(4);
        if self.ends.len() <= back {
            return Ok(());
        }
        self.ends.truncate(self.ends.len() - back);
        if let Some(target) = self.ends.last() {
            self.journal
                .move_tip(target, &mut self.window)
                .map_err(told)?;
            self.made.branches += 1;
        }
        Ok(())
    }

    fn tick(&mut self) -> i64 {
        self.now += 1_500;
        self.now
    }

    fn count(&mut self) {
        self.made.messages += 1;
        self.since += 1;
    }
}
