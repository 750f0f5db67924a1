//! A journal through any sequence of operations, failures of its storage and losses of power.

mod run;

use super::window_of;
use crate::generate::{compaction, header, leaf, message, seal};
use crate::sim::memory::{Cutting, Fault};
use run::Run;
use sessionlog_core::EntryId;
use sessionlog_core::IdKind;
use sessionlog_core::compaction::Keep;
use sessionlog_core::journal::Durability;

/// An input, read from its front; at its end everything is 0.
struct Script<'i>(&'i [u8]);

impl<'i> Script<'i> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    /// As many bytes as the next one says, or as there are.
    fn bytes(&mut self) -> &'i [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    fn keep(&mut self) -> Keep {
        let n = self.byte();
        match n % 3 {
            0 => Keep::LastQuarter,
            1 => Keep::LastMessages(u64::from(n / 3) % 12),
            _ => Keep::LastTokens(u64::from(n / 3)),
        }
    }

    fn fault(&mut self) -> Fault {
        let (calls, after, more) = (self.byte(), self.byte(), self.byte());
        Fault {
            calls,
            after: u32::from(after % 64),
            times: 1 + u32::from(more & 3),
            through: usize::from(more >> 3) * 8,
            full: more & 4 != 0,
            loses: (after >= 128).then_some(usize::from(after & 63) * 4),
        }
    }
}

/// What a journal may find in its storage, with the place where its last whole record ends; `None` is to create one.
fn base(n: u8) -> Option<(Vec<u8>, usize)> {
    let user = r#"{"role":"user","content":[{"type":"text","text":"a question"}]}"#;
    let call = r#"{"role":"assistant","content":[{"type":"tool_call","tool_call":{"id":"c1"}}],"usage":{"input_tokens":9,"output_tokens":1}}"#;
    let result = r#"{"role":"tool_result","tool_call_id":"c1","content":[]}"#;
    let ours = [
        seal(&header(true, None)),
        seal(&message("msg-1", None, user)),
        seal(&message("msg-2", Some("msg-1"), call)),
        seal(&message("msg-3", Some("msg-2"), result)),
        seal(&leaf("leaf-4", "msg-3")),
    ]
    .join("\n");
    let (text, behind) = match n {
        // As another writer leaves it: no checksums, no parents, no leaves.
        1 => {
            let lines = [
                header(false, None),
                message("a", None, user),
                message("msg-7", None, call),
                message("0196-9", None, result),
            ];
            (lines.join("\n") + "\n", "")
        }
        // Another writer's branches.
        2 => {
            let lines = [
                header(false, None),
                message("a", None, user),
                message("b", Some("a"), call),
                r#"{"type":"note","id":"n","parent_id":"b"}"#.to_owned(),
                compaction("k", Some("n"), "before", "b"),
                message("d", Some("k"), user),
                leaf("l", "k"),
            ];
            (lines.join("\n") + "\n", "")
        }
        // A torn tail.
        3 => (
            ours + "\n",
            r#"{"type":"message","id":"msg-5","parent_id":"msg-3","mess"#,
        ),
        // A record that lacks its line end.
        4 => (
            ours + "\n" + &seal(&message("msg-5", Some("msg-3"), user)),
            "",
        ),
        // Damage in the middle.
        5 => (ours.replace("leaf-4", "leaf-5") + "\n", ""),
        _ => return None,
    };
    let whole = text.len();
    Some(((text + behind).into_bytes(), whole))
}

/// Input: durability and storage, the storage's content, the most that a call takes, then operations.
///
/// Whatever happens, a journal does not panic, and
/// - its storage never loses what was acknowledged, nor is told to cut it off;
/// - a failed call leaves the journal as it was when something was last acknowledged, and says that it failed;
/// - the reference reader finds in the storage the tip, the context and the sums that the journal has;
/// - opened again, a journal has the state that its writer had;
/// - no compaction separates a tool result from its call.
///
/// # Panics
/// When not.
pub fn journal(input: &[u8]) {
    let mut script = Script(input);
    let setup = script.byte();
    let durability = match setup % 3 {
        0 => Durability::Turn,
        1 => Durability::Entry,
        _ => Durability::Manual,
    };
    let cutting = match setup / 3 % 4 {
        1 => Cutting::Buffered,
        2 => Cutting::Nowhere,
        _ => Cutting::Anywhere,
    };
    let base = base(script.byte() % 8);
    let step = usize::from(script.byte());
    let mut run = Run::begin(base, durability, cutting, step);
    // Each step reads the file with the plainest reader there is: more would only be slow.
    for _ in 0..60 {
        if script.0.is_empty() {
            break;
        }
        step_of(&mut script, &mut run);
    }
    run.finish();
}

fn step_of(script: &mut Script<'_>, run: &mut Run) {
    match script.byte() % 20 {
        0 | 1 => run.say(usize::from(script.byte())),
        2 => run.answer(u64::from(script.byte()) * 400),
        3 => {
            let (first, count) = (script.byte(), script.byte());
            run.call(first % 8, count % 12);
        }
        4 | 5 => run.result(script.byte() % 12),
        6 => run.verbatim(script.bytes()),
        7 => run.streamed(script.bytes()),
        8 | 9 => run.end_turn(),
        10 => run.sync(),
        11 => run.plan(script.keep(), window_of(script.byte())),
        12 => run.commit(),
        13 => {
            run.plan(script.keep(), window_of(script.byte()));
            run.commit();
        }
        14 => {
            let (n, window) = (script.byte(), window_of(script.byte()));
            run.move_to_known(usize::from(n), window);
        }
        15 => {
            let (kind, n) = (script.byte(), script.byte());
            let kind = match kind % 3 {
                0 => IdKind::Message,
                1 => IdKind::Compaction,
                _ => IdKind::Leaf,
            };
            let window = window_of(script.byte());
            run.move_to(&EntryId::own(kind, u64::from(n)), window);
        }
        16 => run.abandon(),
        17 | 18 => run.fail(script.fault()),
        _ => {
            let (keep, window) = (script.byte(), window_of(script.byte()));
            run.reopen(usize::from(keep) * 4, window);
        }
    }
}
