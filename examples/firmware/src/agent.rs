//! The agent: it resumes its session, records turns, and makes room when the flash fills up.
//!
//! What a model and a sensor would say is made up here; everything else is what a product would do.

use crate::{
    flash::{Fault, FileFlash},
    host::Rtc,
    witness::Witness,
};
use core::fmt::Write as _;
use sessionlog_core::{
    Clock, Usage,
    compaction::{ContextWindow, Keep, Reason, Triggers},
    flash::{Error, FlashLog, GeometryError},
    journal::{Journal, JournalError, Options, PlanError},
    payload::{
        Api, AssistantContent, AssistantMessage, InputContent, OutputContent, StopReason,
        ToolResultMessage, UserMessage,
    },
    record::Header,
    replay::ReplayError,
};

/// Messages among which a compaction can choose its cut.
const CUTS: usize = 16;

/// Bytes lent for reading records; they may be longer.
pub(crate) const WINDOW: usize = 256;

/// Room that a turn and the compaction after it may need, in bytes.
const RESERVE: u64 = 8 * 1024;

/// What a sensor's history looks like: longer than any buffer of this firmware.
const HISTORY: &str = include_str!("history.txt");

type LogError = Error<Fault>;

/// Why this life ended early.
#[derive(Debug, defmt::Format)]
pub(crate) enum Failure {
    Geometry(GeometryError),
    Flash(Fault),
    Log(LogError),
    Journal(JournalError<LogError>),
    Plan(PlanError<LogError>),
    Read(ReplayError<LogError>),
    /// The host's files cannot be opened.
    Host,
    /// Blocks or frames that cannot be read.
    Damaged,
}

/// `?` turns each of these into a [`Failure`].
macro_rules! failure {
    ($($kind:ident($error:ty)),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Failure::$kind(error)
            }
        })*
    };
}
failure!(
    Flash(Fault),
    Log(LogError),
    Journal(JournalError<LogError>),
    Plan(PlanError<LogError>),
    Read(ReplayError<LogError>)
);

pub(crate) struct Agent<'w> {
    journal: Journal<Witness, Rtc, CUTS>,
    window: &'w mut [u8; WINDOW],
}

impl<'w> Agent<'w> {
    /// Goes on with the session that the flash holds, or begins one.
    pub(crate) fn start(mut log: Witness, window: &'w mut [u8; WINDOW]) -> Result<Self, Failure> {
        let options = Options {
            triggers: Triggers {
                threshold: None,
                window: Some(ContextWindow {
                    tokens: 2500,
                    reserve: 1000,
                }),
            },
            ..Options::default()
        };
        if log.log().is_empty() {
            let header = Header {
                id: "mps2-an386-1",
                timestamp: Rtc.now(),
                cwd: "",
                parent_session: None,
                branch_name: None,
                fork_point: None,
            };
            defmt::info!("a new session");
            let journal = Journal::create(log, Rtc, &header, options)?;
            return Ok(Agent { journal, window });
        }
        let (journal, resumed) = Journal::open(log, Rtc, options, window)?;
        if resumed.headless || !resumed.notes.health.is_clean() {
            return Err(Failure::Damaged);
        }
        defmt::info!(
            "resumed at {=str}: {} turns, {} tokens spent, {} messages in the context",
            journal.tip().as_ref().map_or("-", |tip| tip.as_str()),
            journal.branch_usage().turns,
            journal.spent().usage.total_tokens(),
            journal.context_messages()
        );
        let mut agent = Agent { journal, window };
        // What the life before gave back was lasting only with the next block that it would have opened.
        agent.reclaim()?;
        Ok(agent)
    }

    /// A question, a look at a sensor, an answer: six records, durable when this returns.
    pub(crate) fn turn(&mut self) -> Result<(), Failure> {
        self.make_room()?;
        let turn = self.journal.branch_usage().turns + 1;
        let now = Rtc.now().unix_ms();
        let mut text: heapless::String<64> = heapless::String::new();
        let mut call: heapless::String<16> = heapless::String::new();
        // They fit: the numbers have at most ten digits.
        let _ = writeln!(text, "Question {turn}: is the greenhouse \"warm\" enough?");
        let _ = write!(call, "call-{turn}");

        self.journal.append(&UserMessage {
            content: &[InputContent::text(&text)],
            timestamp_ms: now,
        })?;
        let wants = [AssistantContent::tool_call(
            &call,
            "read_sensor",
            r#"{"pin":4}"#,
        )];
        let seen = self.journal.context_tokens();
        self.journal
            .append(&answer(&wants, StopReason::ToolUse, seen, now))?;
        let reading = match turn % 4 {
            0 => HISTORY,
            _ => "air 24.5 °C, soil 31 %",
        };
        self.journal.append(&ToolResultMessage {
            tool_call_id: &call,
            tool_name: "read_sensor",
            content: &[OutputContent::text(reading)],
            details: (),
            is_error: false,
            timestamp_ms: now,
        })?;
        let says = [AssistantContent::text("24.5 °C and 31 %: all is well.")];
        let seen = self.journal.context_tokens();
        self.journal
            .append(&answer(&says, StopReason::Stop, seen, now))?;
        let end = self.journal.end_turn()?;
        defmt::info!(
            "turn {}: {} bytes of log, {} tokens of context",
            turn,
            self.journal.len(),
            self.journal.context_tokens()
        );

        match end.compaction {
            Some(reason) => self.compact(reason),
            None => Ok(()),
        }
    }

    /// Compacts when the flash is nearly full.
    fn make_room(&mut self) -> Result<(), Failure> {
        if self.journal.storage().log().room() >= RESERVE {
            return Ok(());
        }
        match self.compact(Reason::Manual) {
            // A context of a few messages: what is left of the flash must do.
            Err(Failure::Plan(PlanError::NoCut(_))) => Ok(()),
            done => done,
        }
    }

    /// Puts a summary in the place of all but the newest messages, and gives back the blocks that held the others.
    fn compact(&mut self, reason: Reason) -> Result<(), Failure> {
        let plan = self
            .journal
            .plan(reason, Keep::LastMessages(4), self.window)?;
        let id = self
            .journal
            .commit(&plan, "The greenhouse was warm enough, and the soil moist.")?;
        let freed = self.reclaim()?;
        defmt::info!(
            "{=str}: {} messages kept of {} tokens, {} blocks free again",
            id.as_str(),
            plan.cut.kept,
            plan.tokens_before,
            freed
        );
        Ok(())
    }

    /// Gives back the blocks that a resume does not need; gives their number.
    fn reclaim(&mut self) -> Result<u32, Failure> {
        let keep_from = self.journal.keep_from(self.window)?;
        Ok(self.journal.storage().reclaim(keep_from)?)
    }

    /// What this life leaves behind.
    pub(crate) fn report(&mut self) -> Result<(), Failure> {
        let usage = self.journal.branch_usage();
        let spent = self.journal.spent().usage.total_tokens();
        let log: &mut FlashLog<FileFlash> = self.journal.storage().log();
        let (wear, damage) = (log.wear(), log.survey()?);
        defmt::info!(
            "{} turns, {} tokens spent; blocks erased {} to {} times",
            usage.turns,
            spent,
            wear.least,
            wear.most
        );
        if damage.bad_headers > 0 || damage.bad_frames > 0 {
            return Err(Failure::Damaged);
        }
        Ok(())
    }
}

fn answer<'a>(
    content: &'a [AssistantContent<'a>],
    stop_reason: StopReason,
    input_tokens: u64,
    timestamp_ms: i64,
) -> AssistantMessage<'a> {
    AssistantMessage {
        content,
        api: Api::OpenAi,
        provider: "openai",
        model: "gpt-5-mini",
        response_model: None,
        response_id: None,
        usage: Usage {
            input_tokens,
            output_tokens: 12,
            ..Usage::default()
        },
        stop_reason,
        error_message: None,
        timestamp_ms,
    }
}
