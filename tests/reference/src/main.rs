//! The reference reader as a command, so that it can stand where `sessionlog` stands: `context --json FILE` and
//! `tree --json FILE`, without warnings.

use sessionlog_reference::model::{self, Kind, Model, context};
use std::process::ExitCode;

/// A branch ends where a message, compaction or unknown entry has no child.
fn tree(m: &Model) -> serde_json::Value {
    let tips = (0..m.entries.len())
        .filter(|&i| m.entries[i].kind != Kind::Leaf && !m.parents.contains(&Some(i)));
    let branches: Vec<_> = tips
        .map(|tip| {
            let chain = m.chain(Some(tip));
            let forks = |i: &&usize| m.parents.iter().filter(|p| **p == Some(**i)).count() > 1;
            serde_json::json!({
                "tip": m.entries[tip].id,
                "fork_point": chain.iter().rev().find(forks).map(|&i| &m.entries[i].id),
                "depth": chain.len() - 1,
            })
        })
        .collect();
    serde_json::json!({"tip": m.tip.map(|t| &m.entries[t].id), "branches": branches})
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [command, flag, path] = &args[..] else {
        return ExitCode::from(2);
    };
    let Ok(bytes) = std::fs::read(path) else {
        return ExitCode::FAILURE;
    };
    let m = model::read(&bytes);
    let out = match (command.as_str(), flag.as_str()) {
        ("context", "--json") => context::json(&m, &bytes),
        ("tree", "--json") => tree(&m),
        _ => return ExitCode::from(2),
    };
    println!("{out}");
    ExitCode::from(u8::from(out.get("refused").is_some()))
}
