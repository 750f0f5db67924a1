//! What `sessionlog context --json` must print for a file, without the words of its warnings.

use super::{Header, Model};
use serde_json::{Value, json};

/// The object, or `{"refused":why}` for a file that holds no session of version 1.
///
/// `bytes` is the file that the model was read from. A payload with numbers beyond the range of a 64-bit float
/// stands as null: `serde_json` cannot hold it.
pub fn json(model: &Model, bytes: &[u8]) -> Value {
    let session = match &model.header {
        Header::Valid {
            id,
            timestamp,
            cwd,
            parent_session,
            ..
        } => json!({
            "id": id.clone().unwrap_or_default(), "version": 1, "timestamp": timestamp.clone().unwrap_or_default(),
            "cwd": cwd.clone().unwrap_or_default(), "parent_session": parent_session,
        }),
        Header::Unsupported(_) => return json!({"refused": "version"}),
        Header::Empty => return json!({"refused": "empty"}),
        Header::Lost | Header::Missing | Header::Torn => Value::Null,
    };
    let messages: Vec<Value> = model.context.iter().map(|item| {
        let e = &model.entries[item.entry];
        if item.summary {
            return json!({
                "type": "compaction_summary", "id": e.id, "summary": e.summary, "first_kept_entry_id": e.first_kept,
                "tokens_before": e.tokens_before, "tokens_after": e.tokens_after,
            });
        }
        let (start, len) = e.payload.unwrap_or_default();
        let payload: Value = serde_json::from_slice(&bytes[start..start + len]).unwrap_or_default();
        json!({"type": "message", "id": e.id, "message": payload})
    }).collect();
    let sum = model.branch_usage;
    json!({
        "session": session,
        "tip": model.tip.and_then(|t| model.entries[t].id.as_ref()),
        "messages": messages,
        "usage": {
            "input_tokens": sum.usage.input, "output_tokens": sum.usage.output,
            "cache_read_tokens": sum.usage.cache_read, "cache_write_tokens": sum.usage.cache_write,
            "total_tokens": sum.total(), "turns": sum.turns,
        },
        "recovery": {
            "status": model.state.name(), "corrupt_entries": model.corrupt.len(),
            "unknown_entries": model.unknown_entries(),
        },
    })
}
