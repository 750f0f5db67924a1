//! Makes `examples/sessions/flaky-test.jsonl`, byte for byte the same on each run:
//!
//! ```text
//! cargo run -p sessionlog --example make_session -- examples/sessions/flaky-test.jsonl
//! ```
//!
//! It writes as any program does, with the core's [`Journal`] on a file; only its clock and the session's id are fixed.

#[path = "make_session/script.rs"]
mod script;

use sessionlog::FileStorage;
use sessionlog_core::{
    EntryId, Timestamp, Usage,
    compaction::{Keep, Reason},
    journal::{Journal, Options},
    payload::{
        Api, AssistantContent, AssistantMessage, InputContent, OutputContent, StopReason,
        ToolResultMessage, UserMessage,
    },
    record::Header,
};
use std::{cell::Cell, error::Error, fs::File};

/// A version 7 UUID of [`START_MS`].
const ID: &str = "019ce153-20b4-7c5e-9a41-6f0d52c8e7b3";
/// 2026-03-12T09:14:07.412Z
const START_MS: i64 = 1_773_306_847_412;

/// What happens in the session.
pub(crate) enum Step {
    /// The user asks.
    Ask(&'static [InputContent<'static>]),
    /// A model answers.
    Say(Model, &'static [AssistantContent<'static>], Usage),
    /// A command ran: the call, the tool, its output and exit code.
    Ran(&'static str, &'static str, &'static str, i32),
    /// A tool returned: the call, the tool, its output, and whether that is an error.
    Returned(&'static str, &'static str, &'static str, bool),
    /// The turn ends.
    End,
    /// An earlier entry becomes the tip.
    BackTo(&'static str),
    /// All but about so many messages are compacted to this summary.
    Compact(u64, &'static str),
}

/// Who answers.
#[derive(Clone, Copy)]
pub(crate) enum Model {
    Sonnet,
    Mini,
    Flash,
}

impl Model {
    const fn names(self) -> (Api, &'static str, &'static str) {
        match self {
            Self::Sonnet => (Api::Anthropic, "anthropic", "claude-sonnet-4-5-20250929"),
            Self::Mini => (Api::OpenAi, "openai", "gpt-5-mini"),
            Self::Flash => (Api::Google, "google", "gemini-2.5-flash"),
        }
    }
}

/// What a command tells besides its output.
#[derive(serde::Serialize)]
struct Exit {
    exit_code: i32,
}

/// Writes the session to `file`, which is empty and open for reading and writing.
pub(crate) fn write_session(file: File) -> Result<(), Box<dyn Error>> {
    // Moves on by what each step takes.
    let now = Cell::new(START_MS);
    let clock = || Timestamp::from_unix_ms(now.get());
    let header = Header {
        id: ID,
        timestamp: Timestamp::from_unix_ms(START_MS),
        cwd: script::CWD,
        parent_session: None,
        branch_name: None,
        fork_point: None,
    };
    let storage = FileStorage::new(file)?;
    let options = Options::default();
    let mut journal = Journal::<_, _, 64>::create(storage, clock, &header, options)?;
    let mut window = [0; 4096];
    for step in script::SCRIPT {
        now.set(now.get() + step.takes_ms());
        let timestamp_ms = now.get();
        match *step {
            Step::Ask(content) => {
                journal.append(&UserMessage {
                    content,
                    timestamp_ms,
                })?;
            }
            Step::Say(model, content, usage) => {
                let (api, provider, model) = model.names();
                let calls = |part: &_| matches!(part, AssistantContent::ToolCall { .. });
                let stop_reason = match content.iter().any(calls) {
                    true => StopReason::ToolUse,
                    false => StopReason::Stop,
                };
                journal.append(&AssistantMessage {
                    content,
                    api,
                    provider,
                    model,
                    response_model: None,
                    response_id: None,
                    usage,
                    stop_reason,
                    error_message: None,
                    timestamp_ms,
                })?;
            }
            Step::Ran(tool_call_id, tool_name, output, exit_code) => {
                journal.append(&ToolResultMessage {
                    tool_call_id,
                    tool_name,
                    content: &[OutputContent::text(output)],
                    details: Exit { exit_code },
                    is_error: exit_code != 0,
                    timestamp_ms,
                })?;
            }
            Step::Returned(tool_call_id, tool_name, output, is_error) => {
                journal.append(&ToolResultMessage {
                    tool_call_id,
                    tool_name,
                    content: &[OutputContent::text(output)],
                    details: (),
                    is_error,
                    timestamp_ms,
                })?;
            }
            Step::End => {
                journal.end_turn()?;
            }
            Step::BackTo(entry) => {
                journal.move_tip(&EntryId::try_from(entry)?, &mut window)?;
            }
            Step::Compact(messages, summary) => {
                let keep = Keep::LastMessages(messages);
                let plan = journal.plan(Reason::Manual, keep, &mut window)?;
                journal.commit(&plan, summary)?;
            }
        }
    }
    Ok(())
}

impl Step {
    /// How long it takes, in milliseconds: made up, but neither round nor always the same.
    fn takes_ms(&self) -> i64 {
        match self {
            Self::Ask(content) => 41_003 + 977 * content.len() as i64,
            Self::Say(_, _, usage) => 1_240 + 17 * usage.output_tokens as i64,
            Self::Ran(_, _, output, _) => 6_318 + 211 * output.len() as i64,
            Self::Returned(_, _, output, _) => 14 + output.len() as i64 % 23,
            Self::End => 3,
            Self::BackTo(_) => 95_871,
            Self::Compact(..) => 8_112,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1);
    let path = path.ok_or("usage: make_session FILE")?;
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(true);
    write_session(options.open(path)?)
}
