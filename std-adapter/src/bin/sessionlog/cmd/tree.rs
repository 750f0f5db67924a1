//! `tree SESSION`: the branches.

use crate::args::{Global, Redact, Tree};
use crate::failure::Failure;
use crate::output::Output;
use crate::render::tree::{self, Branch};
use sessionlog::reader::Counts;
use sessionlog::tree::SUMMARY_CHARS;
use sessionlog::{Error, SessionLog, SessionTree};
use sessionlog_core::record::Kind;

pub(crate) fn run(args: &Tree, global: &Global, out: &mut Output) -> Result<(), Failure> {
    let log = super::read(&args.session, Redact::default(), global, out)?;
    let tree = SessionTree::of(&log)?;
    if out.json {
        return out.json(&tree);
    }
    let stretches = stretches(&log, tree.active().map(|branch| branch.index));
    if stretches.is_empty() {
        out.note(format_args!("There is no branch yet."));
    }
    let texts: Vec<Option<String>> = stretches
        .iter()
        .map(|stretch| match stretch.text {
            Some(index) => log.first_text(index, SUMMARY_CHARS),
            None => Ok(None),
        })
        .collect::<Result<_, Error>>()?;
    let id = |index: u32| log.node(index).and_then(|node| node.id);
    let branches: Vec<Branch<'_>> = stretches
        .iter()
        .zip(&texts)
        .map(|(stretch, text)| Branch {
            tip: id(stretch.end).unwrap_or("?"),
            fork_point: stretch.above.and_then(id),
            entries: stretch.entries,
            active: stretch.active,
            summary: text.as_deref().unwrap_or_default(),
            timestamp: log.node(stretch.end).and_then(|node| node.timestamp),
        })
        .collect();
    // What is no terminal gets all of it.
    let width = if out.terminal { out.width } else { usize::MAX };
    let times = super::times(out);
    out.render(|data, styles| tree::write(data, &branches, styles, &times, width))
}

/// Entries in a row, without a fork between them.
#[derive(Debug, PartialEq)]
struct Stretch {
    /// Its last entry: one with several children or none, or the tip.
    end: u32,
    /// The end of the stretch that it goes on from.
    above: Option<u32>,
    /// Its entries; unknown ones that lie between others included.
    entries: Counts,
    active: bool,
    /// The last of its entries that has a text.
    text: Option<u32>,
}

/// What is known of an entry from those above it.
#[derive(Clone, Copy, Default)]
struct Step {
    /// The nearest message or compaction above.
    parent: Option<u32>,
    children: u32,
    /// From the end of the stretch above, or from the root, to here.
    entries: Counts,
    above: Option<u32>,
    text: Option<u32>,
}

/// The stretches, in the file order of their ends. Parents come before their children, so two passes do.
fn stretches(log: &SessionLog, active: Option<u32>) -> Vec<Stretch> {
    let mut steps: Vec<Step> = Vec::with_capacity(log.node_count() as usize);
    for node in log.nodes() {
        // Unknown entries are passed through.
        let parent = node.parent.and_then(|above| match is_unknown(log, above) {
            true => steps[above as usize].parent,
            false => Some(above),
        });
        if let (Some(above), true) = (parent, node.kind != Kind::Unknown) {
            steps[above as usize].children += 1;
        }
        let passed = node.parent.filter(|above| is_unknown(log, *above));
        let mut entries =
            passed.map_or_else(Counts::default, |above| steps[above as usize].entries);
        entries.add(node.kind);
        steps.push(Step {
            parent,
            entries,
            ..Step::default()
        });
    }
    let mut stretches = Vec::new();
    for node in log.nodes().filter(|node| node.kind != Kind::Unknown) {
        let at = node.index as usize;
        let mut step = Step {
            text: Some(node.index).filter(|_| node.has_text),
            ..steps[at]
        };
        if let Some(parent) = step.parent {
            let of = steps[parent as usize];
            if of.children == 1 && active != Some(parent) {
                step.entries = step.entries.plus(of.entries);
                step.above = of.above;
                step.text = step.text.or(of.text);
            } else {
                step.above = Some(parent);
            }
        }
        steps[at] = step;
        if step.children != 1 || active == Some(node.index) {
            stretches.push(Stretch {
                end: node.index,
                above: step.above,
                entries: step.entries,
                active: active == Some(node.index),
                text: step.text,
            });
        }
    }
    stretches
}

fn is_unknown(log: &SessionLog, index: u32) -> bool {
    log.node(index)
        .is_some_and(|node| node.kind == Kind::Unknown)
}
