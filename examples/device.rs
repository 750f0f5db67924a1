//! What a device does, with the core alone: a session in a fixed piece of RAM, and nothing allocated.
//!
//! ```text
//! cargo run -p sessionlog --example device
//! ```
//!
//! Only printing, and the stop after an error, is the host's. Another storage, say a flash chip's, takes the place of [`Ram`].

use embedded_io::{ErrorKind, ErrorType, Read, Seek, SeekFrom, Write};
use sessionlog_core::{
    Timestamp, Usage,
    compaction::{Keep, Reason},
    journal::{Journal, JournalError, Options, PlanError, Storage},
    payload::{
        Api, AssistantContent, AssistantMessage, InputContent, OutputContent, StopReason,
        ToolResultMessage, UserMessage,
    },
    record::{Extent, Header},
    replay::ReplayError,
};

/// Storage of a fixed size. What stands in it outlives the journal.
struct Ram<const SIZE: usize> {
    bytes: [u8; SIZE],
    len: usize,
    at: usize,
}

impl<const SIZE: usize> ErrorType for Ram<SIZE> {
    type Error = ErrorKind;
}

impl<const SIZE: usize> Read for Ram<SIZE> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let rest = self.bytes[..self.len].get(self.at..).unwrap_or(&[]);
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

impl<const SIZE: usize> Write for Ram<SIZE> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        let room = &mut self.bytes[self.len..];
        let count = room.len().min(buf.len());
        if count == 0 && !buf.is_empty() {
            return Err(ErrorKind::OutOfMemory);
        }
        room[..count].copy_from_slice(&buf[..count]);
        self.len += count;
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<const SIZE: usize> Seek for Ram<SIZE> {
    fn seek(&mut self, pos: SeekFrom) -> Result<u64, ErrorKind> {
        let to = match pos {
            SeekFrom::Start(at) => i64::try_from(at).ok(),
            SeekFrom::End(by) => (self.len as i64).checked_add(by),
            SeekFrom::Current(by) => (self.at as i64).checked_add(by),
        };
        let to = to.and_then(|to| usize::try_from(to).ok());
        self.at = to.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at as u64)
    }
}

impl<const SIZE: usize> Storage for Ram<SIZE> {
    /// RAM is as durable as it will ever be; a flash chip waits here until its pages are programmed.
    fn sync(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<bool, ErrorKind> {
        self.len = usize::try_from(len).map_or(self.len, |len| len.min(self.len));
        Ok(true)
    }
}

/// Messages among which a compaction can choose its cut.
const CUTS: usize = 16;

/// Bytes lent for reading.
const WINDOW: usize = 256;

type Failure = JournalError<ErrorKind>;

/// A first life: three turns, and a compaction.
fn live<const SIZE: usize>(flash: &mut Ram<SIZE>) -> Result<(), Failure> {
    let mut now_ms = 1_767_225_600_000;
    let clock = || {
        now_ms += 250;
        Timestamp::from_unix_ms(now_ms)
    };
    let header = Header {
        id: "greenhouse-7",
        timestamp: Timestamp::from_unix_ms(1_767_225_600_000),
        cwd: "",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    };
    let mut journal = Journal::<_, _, CUTS>::create(flash, clock, &header, Options::default())?;
    for heard in [
        "Is it too warm?",
        "And the soil?",
        "Open the vent if it gets warmer.",
    ] {
        journal.append(&UserMessage {
            content: &[InputContent::text(heard)],
            timestamp_ms: 1_767_225_600_000,
        })?;
        journal.append(&answer(
            &[AssistantContent::tool_call("t", "read_sensors", "{}")],
            StopReason::ToolUse,
        ))?;
        journal.append(&ToolResultMessage {
            tool_call_id: "t",
            tool_name: "read_sensors",
            content: &[OutputContent::text("air 24.5 °C, soil 31 %")],
            details: (),
            is_error: false,
            timestamp_ms: 1_767_225_600_000,
        })?;
        journal.append(&answer(
            &[AssistantContent::text("24.5 °C and 31 %: all is well.")],
            StopReason::Stop,
        ))?;
        // One write, one sync.
        journal.end_turn()?;
    }

    let mut window = [0; WINDOW];
    match journal.plan(Reason::Manual, Keep::LastMessages(4), &mut window) {
        Ok(plan) => {
            let summary = "Air was 24.5 °C and soil 31 %, twice.";
            let id = journal.commit(&plan, summary)?;
            println!("{id}: {} messages are kept", plan.cut.kept);
        }
        Err(why @ (PlanError::NoCut(_) | PlanError::FirstKeptShadowed(_))) => {
            println!("not compacted: {why}");
        }
        Err(PlanError::Read(error)) => return Err(error.into()),
    }
    println!(
        "{} bytes of log, {} bytes of journal",
        journal.len(),
        size_of_val(&journal)
    );
    Ok(())
}

fn answer<'a>(
    content: &'a [AssistantContent<'a>],
    stop_reason: StopReason,
) -> AssistantMessage<'a> {
    AssistantMessage {
        content,
        api: Api::OpenAi,
        provider: "openai",
        model: "gpt-5-mini",
        response_model: None,
        response_id: None,
        usage: Usage {
            input_tokens: 180,
            output_tokens: 12,
            ..Usage::default()
        },
        stop_reason,
        error_message: None,
        timestamp_ms: 1_767_225_600_000,
    }
}

/// After a reset: the context goes to the model, oldest first, 64 bytes at a time. Gives its length in bytes.
fn resume<const SIZE: usize>(
    flash: &mut Ram<SIZE>,
    mut send: impl FnMut(&[u8]),
) -> Result<u64, Failure> {
    let clock = || Timestamp::from_unix_ms(1_767_225_700_000);
    let mut window = [0; WINDOW];
    let options = Options::default();
    let (mut journal, _) = Journal::<_, _, CUTS>::open(flash, clock, options, &mut window)?;
    println!(
        "resumed at {}: {} turns, {} tokens spent",
        journal.tip().as_ref().map_or("-", |tip| tip.as_str()),
        journal.branch_usage().turns,
        journal.spent().usage.total_tokens()
    );

    // The newest comes first: remember the places, then go over them the other way round.
    let mut places = [Extent::default(); CUTS + 1];
    let mut count = 0;
    let mut context = journal.context(&mut window)?;
    while let Some(item) = context.next()? {
        let record = context.record();
        let span = match item.summary {
            true => record.summary,
            false => record.message.payload,
        };
        // More than there is room for: the model is shown the newest.
        let Some(place) = places.get_mut(count) else {
            break;
        };
        *place = item.extent.part(span);
        count += 1;
    }
    let mut sent = 0;
    for place in places[..count].iter().rev() {
        stream(*journal.storage(), *place, &mut send)?;
        sent += place.len;
    }
    Ok(sent)
}

/// A payload, or a summary's JSON string, as it stands in the storage, through a small buffer.
fn stream<S: Storage>(
    storage: &mut S,
    place: Extent,
    send: &mut impl FnMut(&[u8]),
) -> Result<(), JournalError<S::Error>> {
    let mut buffer = [0; 64];
    let mut left = place.len;
    storage.seek(SeekFrom::Start(place.start))?;
    while left > 0 {
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = storage.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(ReplayError::Changed.into());
        }
        send(&buffer[..count]);
        left -= count as u64;
    }
    send(b"\n");
    Ok(())
}

pub(crate) fn main() -> Result<(), Failure> {
    let mut flash = Ram {
        bytes: [0; 16 * 1024],
        len: 0,
        at: 0,
    };
    live(&mut flash)?;
    let print = |bytes: &[u8]| {
        // A closed pipe is no reason to stop.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), bytes);
    };
    let sent = resume(&mut flash, print)?;
    println!("{sent} bytes of context");
    Ok(())
}
