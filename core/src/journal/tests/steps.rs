//! Any steps, with failures between them: what was acknowledged stays, and a resume finds it.

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Say(u8),
    Answer(u32),
    Call(u8),
    Result(u8),
    End,
    Compact(Keep),
    Move(prop::sample::Index),
    Reopen,
    Fail(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let keep = prop_oneof![
        Just(Keep::LastQuarter),
        (0u64..9).prop_map(Keep::LastMessages),
        (0u64..40).prop_map(Keep::LastTokens),
    ];
    prop::collection::vec(
        prop_oneof![
            4 => (0u8..60).prop_map(Step::Say),
            3 => (0u32..90_000).prop_map(Step::Answer),
            2 => (0u8..4).prop_map(Step::Call),
            2 => (0u8..4).prop_map(Step::Result),
            4 => Just(Step::End),
            2 => keep.prop_map(Step::Compact),
            1 => any::<prop::sample::Index>().prop_map(Step::Move),
            1 => Just(Step::Reopen),
            1 => (0u32..12).prop_map(Step::Fail),
        ],
        0..40,
    )
}

/// What a journal holds.
fn held<I>(journal: &Journal<Shared, Ticks, 8, I>) -> String {
    let sums = (journal.sums.branch, journal.sums.spent());
    format!("{:?} {sums:?}", journal.books)
}

/// What it held when something was last acknowledged.
fn acked(journal: &Log) -> String {
    let mut sums = journal.sums;
    sums.restore();
    format!("{:?} {:?}", journal.saved, (sums.branch, sums.spent()))
}

/// What is observable of a journal.
type Face = (
    String,
    Option<EntryId>,
    Vec<Item>,
    Vec<Result<Plan, PlanError<ErrorKind>>>,
);

fn face<I: IdForm>(journal: &mut Journal<Shared, Ticks, 8, I>) -> Face {
    let keeps = [
        Keep::LastQuarter,
        Keep::LastMessages(3),
        Keep::LastTokens(20),
    ];
    let plans = keeps.map(|keep| {
        let plan = journal.plan(Reason::Manual, keep, &mut [0; 64]);
        plan.map(|plan| Plan { at: 0, ..plan })
    });
    let mut items = vec![];
    let mut window = [0; 100];
    let mut context = journal.context(&mut window).unwrap();
    while let Some(item) = context.next().unwrap() {
        items.push(item);
    }
    (held(journal), journal.tip(), items, plans.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// A resume restores the writer's state; a failed call leaves the acknowledged state, in memory and storage;
    /// what was acknowledged is on the medium byte for byte.
    #[test]
    fn resume_restores_the_state_and_failures_undo_themselves(
        steps in steps(),
        durability in prop_oneof![Just(Durability::Turn), Just(Durability::Entry)],
        uncuttable: bool,
    ) {
        let disk = Shared::default();
        let options = Options { durability, ..Options::default() };
        let mut journal = create(&disk, durability);
        disk.0.borrow_mut().uncuttable = uncuttable;
        let mut acknowledged = disk.0.borrow().bytes.clone();
        let mut ids: Vec<EntryId> = vec![];
        let mut pending: Vec<EntryId> = vec![];
        let mut failed = false;
        for step in steps {
            let saved = acked(&journal);
            let appends = matches!(step, Step::Say(_) | Step::Answer(_) | Step::Call(_) | Step::Result(_));
            let mut acks = appends && durability == Durability::Entry;
            let mut small = [0; 96];
            let done = match step {
                Step::Say(n) => journal.append(&Verbatim(say(&"x".repeat(n.into())).as_bytes())).map(|id| pending.push(id)),
                Step::Answer(n) => journal.append(&Verbatim(answer(n.into()).as_bytes())).map(|id| pending.push(id)),
                Step::Call(n) => {
                    let call = format!(r#"{{"role":"assistant","content":[{{"type":"tool_call","tool_call":{{"id":"c{n}"}}}}]}}"#);
                    journal.append(&Verbatim(call.as_bytes())).map(|id| pending.push(id))
                }
                Step::Result(n) => {
                    let result = format!(r#"{{"role":"tool_result","tool_call_id":"c{n}","content":[]}}"#);
                    journal.append(&Verbatim(result.as_bytes())).map(|id| pending.push(id))
                }
                Step::End => { acks = true; journal.end_turn().map(|_| ()) }
                Step::Compact(keep) => match journal.plan(Reason::Manual, keep, &mut small) {
                    Ok(plan) => { acks = true; journal.commit(&plan, "sum").map(|_| ()) }
                    Err(_) => Ok(()),
                },
                Step::Move(index) if !ids.is_empty() => {
                    acks = true;
                    journal.move_tip(&ids[index.index(ids.len())].clone(), &mut small).map(|_| ())
                }
                Step::Move(_) => Ok(()),
                Step::Reopen => {
                    // What was not acknowledged is gone with the process.
                    disk.0.borrow_mut().bytes = acknowledged.clone();
                    disk.0.borrow_mut().flushed = acknowledged.len();
                    disk.0.borrow_mut().fail_in = None;
                    pending.clear();
                    let acked = acked(&journal);
                    journal = Journal::open(disk.clone(), Ticks::default(), options, &mut [0; 128]).unwrap().0;
                    if !(failed && uncuttable) {
                        prop_assert_eq!(held(&journal), acked);
                    }
                    Ok(())
                }
                Step::Fail(n) => { disk.0.borrow_mut().fail_in = Some(n); Ok(()) }
            };
            match done {
                Ok(()) => {
                    if acks {
                        let disk = disk.0.borrow();
                        // Whatever was acknowledged before is still there, in place.
                        if !uncuttable {
                            prop_assert!(disk.bytes.starts_with(&acknowledged));
                        }
                        prop_assert_eq!(disk.synced, disk.bytes.len());
                        acknowledged.clone_from(&disk.bytes);
                        ids.append(&mut pending);
                    }
                }
                Err(_) => {
                    // Back to what was acknowledged last (which a call may itself have moved on from: end_turn in move_tip).
                    pending.clear();
                    failed = true;
                    let now = acked(&journal);
                    let sequence = core::mem::replace(&mut journal.books.sequence, journal.saved.sequence);
                    prop_assert_eq!(held(&journal), now.clone());
                    journal.books.sequence = sequence;
                    let fault_free = disk.0.borrow().fail_in.is_none();
                    prop_assert!(fault_free);
                    if now == saved && !uncuttable && journal.tail == write::Tail::Whole {
                        prop_assert_eq!(&disk.0.borrow().bytes, &acknowledged);
                    } else {
                        acknowledged = disk.0.borrow().bytes[..journal.saved_end as usize].to_vec();
                    }
                }
            }
        }
        disk.0.borrow_mut().fail_in = None;
        journal.end_turn().unwrap();
        let there = lines(&disk);
        for id in ids {
            prop_assert_eq!(there.iter().filter(|line| *line == id.as_str()).count(), 1, "{}", id);
        }
        if failed && uncuttable {
            // Entries that were not acknowledged may be there all the same.
            return Ok(());
        }
        let mut again = open(&disk);
        prop_assert_eq!(face(&mut again), face(&mut journal));
        let mut place: Option<Journal<_, _, 8, IdHash>> = None;
        let opened = Journal::open_in(&mut place, disk.clone(), Ticks::default(), options, &mut [0; 64]);
        let (hashed, _) = opened.unwrap();
        prop_assert_eq!(face(hashed), face(&mut journal));
        if !uncuttable {
            prop_assert!(lines(&disk).iter().all(|line| line != "corrupt" && line != "torn"));
        }
    }
}
