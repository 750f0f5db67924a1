//! An entry of a session, read and drawn.

use crate::failure::Failure;
use crate::output::Output;
use crate::render::conversation::{Body, Conversation, Drawn, Entry, View};
use crate::render::{Styles, Times};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sessionlog::SessionLog;
use sessionlog::reader::NodeInfo;
use sessionlog_core::EntryId;
use sessionlog_core::record::{Kind, Record, Role, Span};

/// Draws entries one after the other.
pub(super) struct Pen {
    styles: Styles,
    times: Times,
    full: bool,
    drawn: Drawn,
}

impl Pen {
    pub(super) fn new(full: bool, out: &mut Output) -> Self {
        Self {
            styles: out.styles,
            times: super::times(out),
            full: full || !out.terminal,
            drawn: Drawn::default(),
        }
    }

    fn draw(&mut self, entry: &Entry<'_>, out: &mut Output) -> Result<(), Failure> {
        let view = View {
            styles: &self.styles,
            times: &self.times,
            width: out.width,
            full: self.full,
            wrap: out.terminal,
        };
        let mut conversation = Conversation::new(view, &mut self.drawn);
        out.render(|data, _| conversation.entry(data, entry))
    }

    /// Draws an entry that was just read.
    pub(super) fn record(
        &mut self,
        record: &Record,
        bytes: &[u8],
        out: &mut Output,
    ) -> Result<(), Failure> {
        let message;
        let summary: String;
        let kind;
        let body = match record.kind {
            Kind::Message => {
                let raw = serde_json::from_slice(part(bytes, record.message.payload))?;
                message = payload(raw, record.message.role);
                Body::Message {
                    message: &message,
                    usage: record.message.usage,
                }
            }
            Kind::Compaction => {
                summary = serde_json::from_slice(part(bytes, record.summary))?;
                Body::Compaction {
                    summary: &summary,
                    first_kept: record.reference.as_ref().map_or("?", EntryId::as_str),
                    tokens_before: record.tokens_before,
                    tokens_after: record.tokens_after,
                }
            }
            _ => {
                kind = type_of(bytes)?;
                Body::Unknown { kind: &kind }
            }
        };
        let entry = Entry {
            id: record.id.as_ref().map_or("?", EntryId::as_str),
            timestamp: record.timestamp,
            compacted: false,
            body,
        };
        self.draw(&entry, out)
    }
}

/// Draws entries of a session; `compacted` tells of which a summary stands in the context.
pub(super) fn draw(
    log: &SessionLog,
    indices: impl Iterator<Item = u32>,
    compacted: impl Fn(&NodeInfo<'_>) -> bool,
    pen: &mut Pen,
    out: &mut Output,
) -> Result<(), Failure> {
    for node in indices.filter_map(|index| log.node(index)) {
        let mut draw = |body: Body<'_>| {
            let entry = Entry {
                id: node.id.unwrap_or("?"),
                timestamp: node.timestamp,
                compacted: compacted(&node),
                body,
            };
            pen.draw(&entry, out)
        };
        match node.kind {
            Kind::Message => draw(Body::Message {
                message: &payload(&log.payload(node.index)?, node.role),
                usage: node.usage,
            })?,
            Kind::Compaction => {
                let Some(compaction) = log.compaction(node.index)? else {
                    continue;
                };
                draw(Body::Compaction {
                    summary: &compaction.summary,
                    first_kept: &compaction.first_kept_entry_id,
                    tokens_before: compaction.tokens_before,
                    tokens_after: compaction.tokens_after,
                })?;
            }
            _ => draw(Body::Unknown {
                kind: &log.type_name(node.index)?,
            })?,
        }
    }
    Ok(())
}

/// A message's payload, to be looked at.
fn payload(raw: &RawValue, role: Role) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| {
        // Numbers may exceed what this parser takes (F3): then it is shown as it stands.
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::ToolResult => "tool_result",
            Role::Other => "message",
        };
        json!({"role": role, "content": raw.get()})
    })
}

/// The part of a record that lies in `span`.
fn part(record: &[u8], span: Span) -> &[u8] {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let end = span.start.saturating_add(span.len);
    record
        .get(place(span.start)..place(end))
        .unwrap_or_default()
}

/// The name of a record's kind.
pub(super) fn type_of(record: &[u8]) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    struct Typed {
        r#type: String,
    }
    let typed: Typed = serde_json::from_slice(record)?;
    Ok(typed.r#type)
}

/// The name of a node's kind.
pub(super) fn type_name(log: &SessionLog, node: &NodeInfo<'_>) -> Result<String, Failure> {
    Ok(log.type_name(node.index)?)
}
