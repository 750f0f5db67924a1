//! What stands below a context: how much it is, and what the session cost so far.

use super::Styles;
use super::format::count;
use super::usage::{Amount, Scope, in_words};
use super::wrap;
use std::io::{self, Write};

/// Columns of a rule at most.
const RULE_WIDTH: usize = 100;

/// Where the figures begin.
const INDENT: usize = 15;

/// What the model is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) messages: u64,
    /// A summary stands before them.
    pub(crate) summary: bool,
}

/// Writes a rule, then a line on the context, one on the active branch, and one on the whole file if that is more;
/// `wrap` breaks them to keep within `width`.
pub(crate) fn write(
    out: &mut dyn Write,
    sent: &Sent,
    branch: &Scope,
    file: &Scope,
    styles: &Styles,
    width: usize,
    wrap: bool,
) -> io::Result<()> {
    let (dim, bold) = (styles.dim, styles.heading);
    writeln!(out, "{dim}{}{dim:#}", "─".repeat(width.min(RULE_WIDTH)))?;
    let messages = count(sent.messages, "message", "messages");
    let summary = if sent.summary { "a summary and " } else { "" };
    writeln!(out, "{bold}context{bold:#}        {summary}{messages}")?;
    let mut scope = |name: &str, scope: &Scope| {
        let figures = figures(scope);
        let room = match wrap {
            true => width.saturating_sub(INDENT),
            false => usize::MAX,
        };
        let mut lines = wrap::pieces(&figures, room);
        let first = lines.next().unwrap_or_default();
        writeln!(
            out,
            "{bold}{name}{bold:#}{:1$}{first}",
            "",
            INDENT - name.len()
        )?;
        lines.try_for_each(|line| writeln!(out, "{:INDENT$}{line}", ""))
    };
    scope("active branch", branch)?;
    let all = |scope: &Scope| (scope.totals.usage, scope.totals.unreported);
    if all(file) != all(branch) {
        scope("whole file", file)?;
    }
    Ok(())
}

fn figures(scope: &Scope) -> String {
    let total = scope.totals.usage.total_tokens();
    let tokens = match scope.tokens(total) {
        Amount::Exact(n) => count(n, "token", "tokens"),
        Amount::AtLeast(n) => format!("at least {}", count(n, "token", "tokens")),
        Amount::Unknown => "tokens unknown".to_owned(),
    };
    let turns = count(scope.totals.turns, "turn", "turns");
    let cost = match in_words(scope) {
        words if words.starts_with("unknown") => format!("cost {words}"),
        words => words,
    };
    format!("{turns}, {tokens}, {cost}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::usage::Model;
    use sessionlog::usage::ToldCost;
    use sessionlog_core::{Cost, PicoUsd, Usage, UsageTotals};

    /// Two turns with one model, of which `known` micro-USD are known to be what it cost.
    fn scope(tokens: u64, unreported: u64, known: u128, complete: bool) -> Scope {
        let usage = Usage {
            input_tokens: tokens,
            ..Usage::default()
        };
        let totals = UsageTotals {
            usage,
            turns: 2,
            unreported,
        };
        let known = Cost {
            input: PicoUsd(known * 1_000_000),
            ..Cost::default()
        };
        let model = Model {
            provider: None,
            model: "m".to_owned(),
            totals,
            cost: complete.then_some(known),
            known,
            unpriced: false,
            long_context: false,
            told: ToldCost::default(),
        };
        Scope {
            incomplete: false,
            totals,
            models: vec![model],
        }
    }

    fn shown(branch: &Scope, file: &Scope, wrap: bool) -> String {
        let sent = Sent {
            messages: 1,
            summary: true,
        };
        let (mut out, styles) = (Vec::new(), Styles::new(false));
        write(&mut out, &sent, branch, file, &styles, 40, wrap).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_file_is_told_if_it_is_more() {
        let branch = scope(1_000, 0, 0, true);
        let rule = "─".repeat(40);
        assert_eq!(
            shown(&branch, &branch, false),
            format!(
                "{rule}\ncontext        a summary and 1 message\n\
                 active branch  2 turns, 1,000 tokens, $0\n"
            )
        );
        let more = shown(&branch, &scope(1_000, 3, 30, false), false);
        assert!(
            more.ends_with(
                "whole file     2 turns, at least 1,000 tokens, at least $0.00003 (1 model unknown: m)\n"
            ),
            "{more}"
        );
    }

    #[test]
    fn what_is_unknown_is_told_in_words() {
        let of = |scope: Scope| shown(&scope, &scope, false);
        let nothing = of(scope(0, 1, 0, false));
        assert!(
            nothing.contains("2 turns, tokens unknown, cost unknown (1 model: m)\n"),
            "{nothing}"
        );
        let unpriced = of(scope(5, 0, 0, false));
        assert!(
            unpriced.contains("2 turns, 5 tokens, cost unknown (1 model: m)\n"),
            "{unpriced}"
        );
        assert!(of(scope(5, 0, 2_000_000, true)).contains("5 tokens, $2.0000\n"));
        let mut long = scope(5, 0, 2_000_000, true);
        long.models[0].long_context = true;
        assert!(of(long).contains("at least $2.0000 (long requests may cost more)\n"));
    }

    #[test]
    fn lines_keep_to_the_terminal() {
        let long = scope(1_000, 3, 30, false);
        let text = shown(&long, &long, true);
        assert!(
            text.ends_with(
                "active branch  2 turns, at least 1,000\n               tokens, at least $0.00003\n               \
                 (1 model unknown: m)\n"
            ),
            "{text}"
        );
    }
}
