//! What checkpoints record counts, also where what they count is gone (F9, F19).

use super::*;

/// A log of questions and answers: three turns with a leaf after each, a compaction after the second if wanted.
fn written(compact: bool) -> Vec<String> {
    written_with(&header(), compact)
}

fn written_with(header: &Header<'_>, compact: bool) -> Vec<String> {
    let disk = Shared::default();
    let options = Options {
        durability: Durability::Manual,
        ..Options::default()
    };
    let mut journal: Log =
        Journal::create(disk.clone(), Ticks::default(), header, options).unwrap();
    for turn in 1..=3 {
        journal.append(&Verbatim(say("a").as_bytes())).unwrap();
        journal
            .append(&Verbatim(answer(10 * turn).as_bytes()))
            .unwrap();
        journal.end_turn().unwrap();
        if compact && turn == 2 {
            let plan = journal
                .plan(Reason::Manual, Keep::LastMessages(2), &mut [0; 64])
                .unwrap();
            journal.commit(&plan, "so far").unwrap();
        }
    }
    let bytes = disk.0.borrow().bytes.clone();
    let text = String::from_utf8(bytes).unwrap();
    text.split_inclusive('\n').map(str::to_string).collect()
}

/// The log without some of its entries, opened.
fn without(lines: &[String], gone: &[&str]) -> Log {
    let kept = lines.iter().filter(|line| {
        let id = |gone: &&str| line.contains(&format!(r#""id":"{gone}","parent_id""#));
        !gone.iter().any(id)
    });
    let disk = Shared::default();
    disk.0.borrow_mut().bytes = kept.flat_map(|line| line.bytes()).collect();
    open(&disk)
}

fn sums(log: &Log) -> (u64, u64, u64) {
    let branch = log.branch_usage();
    let spent = log.spent().usage.total_tokens();
    (branch.usage.total_tokens(), branch.turns, spent)
}

#[test]
fn a_leaf_counts_what_is_gone() {
    let lines = written(false);
    assert_eq!(lines.len(), 1 + 3 * 3);
    let all = (11 + 21 + 31, 3, 11 + 21 + 31);
    assert_eq!(sums(&without(&lines, &[])), all);
    // The last turn's leaf is lost: the one before it stands for what came before its target.
    assert_eq!(sums(&without(&lines, &["msg-1", "leaf-9"])), all);
    assert_eq!(sums(&without(&lines, &["msg-1", "msg-2", "leaf-9"])), all);
    assert_eq!(sums(&without(&lines, &["msg-1", "leaf-6", "leaf-9"])), all);
    // Without any leaf, what is there is counted, and no more.
    let leaves = ["msg-1", "leaf-3", "leaf-6", "leaf-9"];
    assert_eq!(sums(&without(&lines, &leaves)), (11 + 21 + 31, 2, 63));
    let leaves = ["msg-1", "msg-2", "leaf-3", "leaf-6", "leaf-9"];
    assert_eq!(sums(&without(&lines, &leaves)), (21 + 31, 2, 52));
}

#[test]
fn a_compaction_counts_what_is_gone() {
    let lines = written(true);
    let leaves = ["leaf-3", "leaf-6", "leaf-8", "leaf-11"];
    let all = (11 + 21 + 31, 3, 11 + 21 + 31);
    assert_eq!(lines.len(), 1 + 3 * 3 + 2, "{lines:#?}");
    let log = without(&lines, &leaves);
    assert_eq!((sums(&log), log.totals().watermark), (all, 32));
    let gone = [&leaves[..], &["msg-1", "msg-2"]].concat();
    let log = without(&lines, &gone);
    assert_eq!((sums(&log), log.totals().watermark), (all, 32));
}

#[test]
fn a_leaf_of_another_branch_counts_nothing() {
    let disk = Shared::default();
    let mut journal = create(&disk, Durability::Manual);
    let turn = |journal: &mut Log, tokens| {
        journal.append(&Verbatim(say("a").as_bytes())).unwrap();
        let id = journal
            .append(&Verbatim(answer(tokens).as_bytes()))
            .unwrap();
        journal.end_turn().unwrap();
        id
    };
    let first = turn(&mut journal, 10);
    turn(&mut journal, 20);
    journal.move_tip(&first, &mut [0; 256]).unwrap();
    turn(&mut journal, 30);
    assert_eq!(sums(&journal), (11 + 31, 2, 63));
    let bytes = disk.0.borrow().bytes.clone();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<String> = text.split_inclusive('\n').map(str::to_string).collect();
    // Where the third turn begins is known by its parent alone; the nearest leaf before it is the second turn's.
    let log = without(&lines, &["msg-1", "leaf-7", "leaf-10"]);
    assert_eq!(sums(&log), (11 + 31, 2, 63));
    let log = without(&lines, &["msg-1", "leaf-3", "leaf-7", "leaf-10"]);
    assert_eq!(sums(&log), (11 + 31, 1, 63));
}

/// F11: what an inherited checkpoint says was spent is another session's, and the fork point's loss changes nothing.
#[test]
fn what_is_inherited_was_not_spent() {
    let fork_point = EntryId::own(IdKind::Message, 5);
    let fork = Header {
        parent_session: Some("p"),
        fork_point: Some(&fork_point),
        ..header()
    };
    let lines = written_with(&fork, false);
    let own = ["leaf-6", "leaf-9"];
    assert_eq!(sums(&without(&lines, &own)), (11 + 21 + 31, 3, 31));
    let lost = ["msg-5", "leaf-6", "leaf-9"];
    assert_eq!(sums(&without(&lines, &lost)).2, 31);
    // A leaf that names what is lost, with what was spent after it.
    assert_eq!(sums(&without(&lines, &["msg-5", "leaf-9"])).2, 32 + 31);
}
