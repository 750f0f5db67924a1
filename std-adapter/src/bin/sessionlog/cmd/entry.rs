//! An entry of a session, read and drawn.

use crate::failure::Failure;
use crate::output::Output;
use crate::render::conversation::{Body, Conversation, Entry, View};
use serde_json::{Value, json};
use sessionlog::SessionLog;
use sessionlog::reader::NodeInfo;
use sessionlog_core::record::{Kind, Role};

/// Draws entries one after the other; `compacted` tells of which a summary stands in the context.
pub(super) fn draw(
    log: &SessionLog,
    indices: impl Iterator<Item = u32>,
    compacted: impl Fn(&NodeInfo<'_>) -> bool,
    full: bool,
    out: &mut Output,
) -> Result<(), Failure> {
    let (styles, times) = (out.styles, super::times());
    let mut conversation = Conversation::new(View {
        styles: &styles,
        times: &times,
        width: out.width,
        full: full || !out.terminal,
        wrap: out.terminal,
    });
    for node in indices.filter_map(|index| log.node(index)) {
        let mut draw = |body: Body<'_>| {
            let entry = Entry {
                id: node.id.unwrap_or("?"),
                timestamp: node.timestamp,
                compacted: compacted(&node),
                body,
            };
            out.render(|data, _| conversation.entry(data, &entry))
        };
        match node.kind {
            Kind::Message => draw(Body::Message {
                message: &payload(log, &node)?,
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
fn payload(log: &SessionLog, node: &NodeInfo<'_>) -> Result<Value, Failure> {
    let raw = log.payload(node.index)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_else(|_| {
        // Numbers may exceed what this parser takes (F3): then it is shown as it stands.
        let role = match node.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::ToolResult => "tool_result",
            Role::Other => "message",
        };
        json!({"role": role, "content": raw.get()})
    }))
}

/// The name of a node's kind.
pub(super) fn type_name(log: &SessionLog, node: &NodeInfo<'_>) -> Result<String, Failure> {
    Ok(log.type_name(node.index)?)
}
