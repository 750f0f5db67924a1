use super::*;
use crate::record::{Message, Role};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec as StdVec;

fn user(text: u64) -> Message {
    Message {
        role: Role::User,
        text_len: text,
        ..Message::default()
    }
}

fn calling(ids: &[u32]) -> Message {
    let mut message = Message {
        role: Role::Assistant,
        ..Message::default()
    };
    for id in ids {
        message.calls.push(*id);
    }
    message
}

fn result(id: u32) -> Message {
    Message {
        role: Role::ToolResult,
        answers: Some(id),
        ..Message::default()
    }
}

fn window<const N: usize>(messages: &[Message]) -> Window<N> {
    let mut window = Window::default();
    for (i, message) in messages.iter().enumerate().rev() {
        window.push(message, i as u64);
    }
    window
}

fn kept<const N: usize>(messages: &[Message], keep: Keep) -> Result<usize, NoCut> {
    let cut = window::<N>(messages).cut(keep, false)?;
    assert_eq!(cut.start, (messages.len() - cut.kept) as u64);
    Ok(cut.kept)
}

#[test]
fn opis_quarter() {
    for n in 2..40usize {
        let messages = vec![user(4); n];
        assert_eq!(kept::<64>(&messages, Keep::LastQuarter), Ok((n / 4).max(1)));
    }
    assert_eq!(
        kept::<64>(&[user(4)], Keep::LastQuarter),
        Err(NoCut::NothingToCompact)
    );
    assert_eq!(
        kept::<64>(&[], Keep::LastQuarter),
        Err(NoCut::NothingToCompact)
    );
    // The summary counts as an entry: [summary, 7 messages] is 8.
    let seven = window::<64>(&[user(4); 7]);
    assert_eq!(seven.cut(Keep::LastQuarter, true).unwrap().kept, 2);
}

#[test]
fn counts_and_budgets() {
    let messages = vec![user(40); 10];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(3)), Ok(3));
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(0)), Ok(1));
    for all in [10, 11, u64::MAX] {
        assert_eq!(
            kept::<64>(&messages, Keep::LastMessages(all)),
            Err(NoCut::NothingToCompact)
        );
    }
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(35)), Ok(3));
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(0)), Ok(1));
    assert_eq!(
        kept::<64>(&messages, Keep::LastTokens(1000)),
        Err(NoCut::NothingToCompact)
    );
    let cut = window::<64>(&messages)
        .cut(Keep::LastTokens(35), false)
        .unwrap();
    assert_eq!(cut.tokens, 30);
}

#[test]
fn a_cut_never_parts_a_call_from_its_result() {
    let messages = [user(4), calling(&[1]), result(1), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(1));
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(2)), Ok(3));
    // A user's words between call and result.
    let messages = [user(4), calling(&[1]), user(4), result(1), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(3)), Ok(4));
    // Crossing calls, one of them never answered.
    let messages = [
        user(4),
        calling(&[1]),
        calling(&[2, 3]),
        result(2),
        result(1),
        user(4),
    ];
    for n in 2..=5 {
        assert_eq!(kept::<64>(&messages, Keep::LastMessages(n)), Ok(5));
    }
    // A budget is kept to: fewer rather than more.
    let long = Message {
        text_len: 4,
        ..result(1)
    };
    let messages = [user(4), calling(&[1]), long, user(4), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(3)), Ok(4));
    let messages = [
        user(4),
        Message {
            text_len: 4,
            ..calling(&[1])
        },
        long,
        user(4),
        user(4),
    ];
    assert_eq!(kept::<64>(&messages, Keep::LastTokens(3)), Ok(2));
    // Everything hangs together.
    let messages = [calling(&[1]), user(4), result(1)];
    assert_eq!(
        kept::<64>(&messages, Keep::LastQuarter),
        Err(NoCut::NothingToCompact)
    );
    // A message of more calls than are told apart has made them all.
    let many: StdVec<u32> = (0..12).collect();
    let mut messages = vec![user(4), calling(&many)];
    messages.extend((0..12).map(result));
    for n in 1..13 {
        assert_eq!(kept::<64>(&messages, Keep::LastMessages(n)), Ok(13));
    }
}

#[test]
fn a_window_that_is_too_small_says_so() {
    let messages = vec![user(4); 40];
    let cut = window::<4>(&messages)
        .cut(Keep::LastQuarter, false)
        .unwrap();
    assert_eq!((cut.kept, cut.limited), (4, true));
    let cut = window::<16>(&messages)
        .cut(Keep::LastQuarter, false)
        .unwrap();
    assert_eq!((cut.kept, cut.limited), (10, false));
    let cut = window::<4>(&messages)
        .cut(Keep::LastTokens(9), false)
        .unwrap();
    assert_eq!((cut.kept, cut.limited), (4, true));
    let mut messages = vec![user(4), calling(&[1, 2, 3, 4, 5])];
    messages.extend((1..=5).map(result));
    assert_eq!(
        kept::<4>(&messages, Keep::LastQuarter),
        Err(NoCut::WindowTooSmall { held: 4 })
    );
}

#[test]
fn triggers() {
    let triggers = Triggers::default();
    assert_eq!(triggers.due(99_999, u64::MAX), None);
    assert_eq!(triggers.due(100_000, 0), Some(Reason::Threshold));
    let triggers = Triggers {
        threshold: None,
        window: Some(ContextWindow {
            tokens: 1000,
            reserve: 200,
        }),
    };
    assert_eq!(triggers.due(u64::MAX, 800), None);
    assert_eq!(triggers.due(0, 801), Some(Reason::ContextWindow));
}

#[test]
fn a_call_that_waits_for_its_result_is_kept() {
    // The newest answer's.
    let messages = [user(4), user(4), calling(&[1]), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(2));
    let messages = [user(4), calling(&[1, 2]), result(1), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(3));
    let many: StdVec<u32> = (0..12).collect();
    let mut messages = vec![user(4), calling(&many)];
    messages.extend((0..11).map(result));
    messages.push(user(4));
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(13));
    messages.insert(1, user(4));
    messages.push(result(11));
    messages.push(user(4));
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(1));
    // An older one's has been given up.
    let messages = [user(4), calling(&[1]), calling(&[]), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(1));
    // With nothing before it there is nothing to compact.
    let messages = [calling(&[1]), user(4)];
    assert_eq!(
        kept::<64>(&messages, Keep::LastMessages(1)),
        Err(NoCut::NothingToCompact)
    );
}

#[test]
fn a_call_behind_a_message_of_too_many_calls() {
    let many: StdVec<u32> = (10..19).collect();
    let mut messages = vec![user(4), calling(&[1]), calling(&many), result(1)];
    messages.extend((10..19).map(result));
    messages.push(user(4));
    for n in 2..13 {
        assert_eq!(kept::<64>(&messages, Keep::LastMessages(n)), Ok(13));
    }
    // Turns of many calls, one after another, each whole: the cut falls between any two of them.
    let mut messages = vec![];
    for turn in 0..10 {
        let many: StdVec<u32> = (0..12).map(|call| turn * 100 + call).collect();
        messages.push(user(4));
        messages.push(calling(&many));
        messages.extend(many.into_iter().map(result));
    }
    for turns in 1..10 {
        let keep = Keep::LastMessages(turns * 14);
        assert_eq!(kept::<256>(&messages, keep), Ok(14 * turns as usize));
    }
    // All the window is sought for.
    let many: StdVec<u32> = (0..40).collect();
    let mut messages = vec![user(4), user(4), calling(&many)];
    messages.extend((0..40).map(result));
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(41));
    // Beyond the window, results of the newest answer: as many as are sought, and one more.
    for (results, cut) in [(16, Ok(1)), (17, Err(NoCut::WindowTooSmall { held: 4 }))] {
        let many: StdVec<u32> = (0..results).collect();
        let mut messages = vec![user(4), calling(&many)];
        messages.extend((0..results).map(result));
        messages.extend(vec![user(4); 4]);
        assert_eq!(kept::<4>(&messages, Keep::LastMessages(1)), cut);
    }
    // A message that is answered and answers itself, as nobody writes: nothing is parted.
    let mut both = calling(&[2]);
    (both.role, both.answers) = (Role::ToolResult, Some(1));
    let messages = [user(4), calling(&[1]), both, result(2), user(4)];
    assert_eq!(kept::<64>(&messages, Keep::LastMessages(1)), Ok(1));
    for n in 2..5 {
        assert_eq!(kept::<64>(&messages, Keep::LastMessages(n)), Ok(1));
    }
}

/// Results that found no room are sought on after others of them have been found.
#[test]
fn results_beyond_the_window_are_sought_one_by_one() {
    let mut between = calling(&[2]);
    between.role = Role::Other;
    let mut messages = vec![user(4), calling(&[5]), between, result(5), result(2)];
    messages.extend(vec![user(4); 4]);
    assert_eq!(kept::<4>(&messages, Keep::LastMessages(1)), Ok(1));
    // The same, one that has been found counted no longer.
    let many: StdVec<u32> = (10..22).collect();
    let mut between = calling(&[2]);
    between.role = Role::Other;
    let mut messages = vec![user(4), calling(&many), between, result(2)];
    messages.extend((10..22).map(result));
    messages.extend(vec![user(4); 4]);
    assert_eq!(kept::<4>(&messages, Keep::LastMessages(1)), Ok(1));
}

/// Whether keeping the last `kept` messages leaves a result without its call.
fn parts(messages: &[Message], kept: usize) -> bool {
    let cut = messages.len() - kept;
    messages[cut].role == Role::ToolResult
        || messages.iter().enumerate().skip(cut).any(|(i, m)| {
            let called = |hash| {
                messages[..i]
                    .iter()
                    .rposition(|c| c.calls.is_told_apart(hash))
            };
            m.answers.and_then(called).is_some_and(|call| call < cut)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_cut_parts_calls_from_results(
        messages in prop::collection::vec(prop_oneof![
            2 => (0u64..60).prop_map(user),
            3 => prop::collection::vec(0u32..6, 0..4).prop_map(|ids| calling(&ids)),
            4 => (0u32..6).prop_map(result),
        ], 1..24),
        n in 0u64..24,
    ) {
        for keep in [Keep::LastQuarter, Keep::LastMessages(n), Keep::LastTokens(n * 4)] {
            for cut in [
                window::<32>(&messages).cut(keep, false),
                window::<5>(&messages).cut(keep, false),
            ].into_iter().flatten() {
                prop_assert!(!parts(&messages, cut.kept), "{:?} keeps {}", keep, cut.kept);
                prop_assert!(cut.kept < messages.len());
            }
        }
    }
}

#[test]
fn no_cut_says_why() {
    use std::string::ToString;
    let told = NoCut::WindowTooSmall { held: 7 }.to_string();
    assert!(told.contains("last 7 messages"), "{told}");
    let told = NoCut::NothingToCompact.to_string();
    assert_eq!(told, "nothing to compact");
}
