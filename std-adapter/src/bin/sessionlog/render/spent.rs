//! What stands below a context: how much it is, and what the session cost so far.

use super::Styles;
use super::format::{count, thousands};
use super::usage::{Scope, usd};
use sessionlog_core::PicoUsd;
use std::io::{self, Write};

/// Columns of a rule at most.
const RULE_WIDTH: usize = 100;

/// What the model is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) messages: u64,
    /// A summary stands before them.
    pub(crate) summary: bool,
}

/// Writes a rule, then a line on the context, one on the active branch, and one on the whole file if that is more.
pub(crate) fn write(
    out: &mut dyn Write,
    sent: &Sent,
    branch: &Scope,
    file: &Scope,
    styles: &Styles,
    width: usize,
) -> io::Result<()> {
    let (dim, bold) = (styles.dim, styles.heading);
    writeln!(out, "{dim}{}{dim:#}", "─".repeat(width.min(RULE_WIDTH)))?;
    let messages = count(sent.messages, "message", "messages");
    let summary = if sent.summary { "a summary and " } else { "" };
    writeln!(out, "{bold}context{bold:#}        {summary}{messages}")?;
    writeln!(out, "{bold}active branch{bold:#}  {}", figures(branch))?;
    if file.totals.usage != branch.totals.usage {
        writeln!(out, "{bold}whole file{bold:#}     {}", figures(file))?;
    }
    Ok(())
}

fn figures(scope: &Scope) -> String {
    let tokens = count(scope.totals.usage.total_tokens(), "token", "tokens");
    let turns = count(scope.totals.turns, "turn", "turns");
    let known: PicoUsd = scope
        .models
        .iter()
        .filter_map(|model| model.cost)
        .map(|cost| cost.total())
        .sum();
    let known = usd(Some(known), scope.is_lower_bound());
    let mut text = match scope.cost() {
        Some(_) => format!("{turns}, {tokens}, {known} USD"),
        None => format!("{turns}, {tokens}, cost unknown, {known} USD of it known"),
    };
    if scope.totals.unreported > 0 {
        let unreported = thousands(scope.totals.unreported);
        text.push_str(&format!(" ({unreported} without reported usage)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessionlog_core::{Cost, Usage, UsageTotals};

    fn scope(tokens: u64, unreported: u64) -> Scope {
        let usage = Usage {
            input_tokens: tokens,
            ..Usage::default()
        };
        Scope {
            totals: UsageTotals {
                usage,
                turns: 2,
                unreported,
            },
            models: Vec::new(),
        }
    }

    fn shown(branch: &Scope, file: &Scope) -> String {
        let sent = Sent {
            messages: 1,
            summary: true,
        };
        let mut out = Vec::new();
        write(&mut out, &sent, branch, file, &Styles::new(false), 20).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_file_is_told_if_it_is_more() {
        let branch = scope(1_000, 0);
        assert_eq!(
            shown(&branch, &branch),
            "────────────────────\ncontext        a summary and 1 message\n\
             active branch  2 turns, 1,000 tokens, 0 USD\n"
        );
        let more = shown(&branch, &scope(1, 3));
        assert!(
            more.ends_with("whole file     2 turns, 1 token, ≥ 0 USD (3 without reported usage)\n"),
            "{more}"
        );
    }

    #[test]
    fn an_unknown_price_is_told() {
        let mut branch = scope(5, 0);
        branch.models.push(crate::render::usage::Model {
            provider: None,
            model: "m".to_owned(),
            totals: branch.totals,
            cost: None,
            long_context: false,
        });
        assert!(shown(&branch, &branch).contains("5 tokens, cost unknown, 0 USD of it known\n"));
        branch.models[0].cost = Some(Cost {
            input: PicoUsd(2_000_000_000_000),
            ..Cost::default()
        });
        assert!(shown(&branch, &branch).contains("5 tokens, 2.0000 USD\n"));
    }
}
