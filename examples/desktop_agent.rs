//! An agent's loop: turns, a compaction, a resume, a branch, and the bill. The model is a fake; all else is real.
//!
//! ```text
//! cargo run -p sessionlog --example desktop_agent
//! ```

use serde::Serialize;
use sessionlog::{
    ContextEntry, Error, NewSession, SessionCoordinator, SessionLog, SessionStore, SessionTree,
    SystemClock, UsageReport, coordinator::Config, pricing::PriceTable,
};
use sessionlog_core::{
    Clock, EntryId, Usage,
    compaction::{Keep, Triggers},
    journal::Options,
    payload::{
        Api, AssistantContent, AssistantMessage, InputContent, OutputContent, StopReason,
        ToolResultMessage, UserMessage,
    },
};

/// Whatever a turn adds. Any `Serialize` type will do.
#[derive(Serialize)]
#[serde(untagged)]
enum Message<'a> {
    User(UserMessage<'a>),
    Assistant(AssistantMessage<'a>),
    ToolResult(ToolResultMessage<'a>),
}

/// An answer of the fake model, which is billed for all that it is shown.
fn answer<'a>(
    content: &'a [AssistantContent<'a>],
    shown_tokens: u64,
    stop_reason: StopReason,
    timestamp_ms: i64,
) -> Message<'a> {
    Message::Assistant(AssistantMessage {
        content,
        api: Api::Anthropic,
        provider: "anthropic",
        model: "claude-sonnet-4-5-20250929",
        response_model: None,
        response_id: None,
        usage: Usage {
            input_tokens: shown_tokens,
            output_tokens: 25,
            ..Usage::default()
        },
        stop_reason,
        error_message: None,
        timestamp_ms,
    })
}

/// One turn: a question, a tool that is called for it, and an answer. Gives the new tip.
fn turn(agent: &mut SessionCoordinator, question: &str) -> Result<Option<EntryId>, Error> {
    // What the model is shown: the summary, if there is one, and the messages since.
    let context = agent.compaction_entries()?;
    let shown = 1_000 + 10 * context.len() as u64;
    let now = SystemClock::new().now().unix_ms();

    let call = [AssistantContent::tool_call(
        "call-1",
        "bash",
        r#"{"command":"ls src"}"#,
    )];
    let reply = format!("I looked into src to answer \u{201c}{question}\u{201d}.");
    let said = [AssistantContent::text(&reply)];
    let messages = [
        Message::User(UserMessage {
            content: &[InputContent::text(question)],
            timestamp_ms: now,
        }),
        answer(&call, shown, StopReason::ToolUse, now),
        Message::ToolResult(ToolResultMessage {
            tool_call_id: "call-1",
            tool_name: "bash",
            content: &[OutputContent::text("lib.rs\nmain.rs\n")],
            details: (),
            is_error: false,
            timestamp_ms: now,
        }),
        answer(&said, shown + 20, StopReason::Stop, now),
    ];
    // Durable when this returns.
    let compacted = agent.on_turn_end_simple(&messages)?;
    let tip = agent.session().tip();
    println!("turn       {question}  (shown: {} entries)", context.len());
    if let Some(done) = compacted {
        println!("compacted  {:?}: {}", done.reason, done.summary);
    }
    Ok(tip)
}

/// A real hook would ask a model.
fn summarise(entries: &[ContextEntry]) -> Option<String> {
    let first = entries.first()?.text();
    Some(format!("{} entries, from \"{first}\" on", entries.len()))
}

pub(crate) fn main() -> Result<(), Error> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = SessionStore::at(dir.path());
    let config = Config {
        options: Options {
            triggers: Triggers {
                threshold: Some(5_000),
                window: None,
            },
            ..Options::default()
        },
        keep: Keep::LastMessages(4),
    };
    let prices = PriceTable::builtin();
    let new = NewSession {
        cwd: "/home/dev/project".into(),
        parent_session: None,
    };
    let mut agent = SessionCoordinator::new(&store, &new, config, prices.clone())?;
    agent.set_summary_hook(Box::new(summarise));
    println!("session    {}", agent.session().id());

    turn(&mut agent, "What is in src?")?;
    turn(&mut agent, "Which file starts the program?")?;
    let before = turn(&mut agent, "Does it have tests?")?;

    // The process ends, another one goes on: state and totals are those that the first one had.
    let path = agent.session().path().to_owned();
    let usage = agent.usage();
    drop(agent);
    let mut agent = SessionCoordinator::open_existing(&path, config, prices.clone())?;
    agent.set_summary_hook(Box::new(summarise));
    assert_eq!(agent.usage(), usage);
    println!(
        "resumed    {} turns, {} tokens",
        usage.turns,
        usage.usage.total_tokens()
    );

    // A way that turns out wrong, and another one from where it began.
    turn(&mut agent, "Rewrite it in another language")?;
    if let Some(before) = before {
        agent.append_leaf(before.as_str())?;
        println!("back       to {before}");
    }
    turn(&mut agent, "Write a test for it")?;

    // Readers need no lock.
    let log = SessionLog::open(&path)?;
    for branch in SessionTree::of(&log)?.branches() {
        let mark = if branch.active { '*' } else { ' ' };
        println!("branch   {mark} {}: {} entries", branch.tip, branch.entries);
    }
    let report = UsageReport::of(&log, prices);
    for (name, section) in [("branch", &report.branch), ("file", &report.file)] {
        match section.cost {
            Some(cost) => println!("cost       of the {name}: {:.4} USD", cost.total()),
            None => println!("cost       of the {name}: unknown"),
        }
    }
    Ok(())
}
