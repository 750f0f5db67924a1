use super::*;

fn fault(call: Call) -> Fault {
    Fault {
        calls: 1 << call as u32,
        times: 1,
        ..Fault::default()
    }
}

#[test]
fn what_is_synced_survives_and_the_rest_may() {
    let mut memory = Memory::default();
    memory.write_all(b"one").unwrap();
    memory.sync().unwrap();
    assert_eq!(memory.medium().durable(), 0, "not handed on yet");
    memory.flush().unwrap();
    memory.sync().unwrap();
    memory.write_all(b"two").unwrap();
    memory.flush().unwrap();
    memory.medium_mut().lose_power(2);
    assert_eq!(memory.medium().bytes(), b"onetw");
    memory.write_all(b"!").unwrap();
    memory.medium_mut().lose_power(0);
    assert_eq!(memory.medium().bytes(), b"onetw");
}

#[test]
fn a_failed_call_leaves_a_part() {
    let mut memory = Memory::holding(b"one".to_vec());
    memory.medium_mut().set_fault(Some(Fault {
        after: 1,
        through: 2,
        ..fault(Call::Write)
    }));
    assert_eq!(memory.write(b"two"), Ok(3));
    assert_eq!(memory.write(b"three"), Err(ErrorKind::Other));
    assert_eq!(memory.medium().bytes(), b"onetwoth");
    assert_eq!(memory.write(b"!"), Ok(1));
    memory.medium_mut().set_fault(Some(Fault {
        loses: Some(1),
        ..fault(Call::Flush)
    }));
    assert_eq!(memory.flush(), Err(ErrorKind::Other));
    assert_eq!(memory.medium().bytes(), b"onet");
    memory.medium_mut().set_fault(Some(Fault {
        full: true,
        ..fault(Call::Write)
    }));
    assert_eq!(memory.write(b"!"), Ok(0));
    assert_eq!(memory.medium().failures(), 3);
}

#[test]
fn what_a_failed_sync_loses_stays_lost_until_it_is_written_anew() {
    let mut memory = Memory::holding(b"one".to_vec());
    memory.write_all(b"two").unwrap();
    memory.flush().unwrap();
    memory.medium_mut().set_fault(Some(Fault {
        loses: Some(0),
        ..fault(Call::Sync)
    }));
    assert!(memory.sync().is_err());
    assert!(memory.sync().is_ok());
    assert_eq!(memory.medium().durable(), 3);
    assert_eq!(memory.truncate(3), Ok(true));
    memory.write_all(b"2").unwrap();
    memory.flush().unwrap();
    memory.sync().unwrap();
    assert_eq!(memory.medium().durable(), 4);
}

#[test]
fn it_cuts_where_it_can() {
    for (cutting, flushed, buffered) in [
        (Cutting::Anywhere, true, true),
        (Cutting::Buffered, false, true),
        (Cutting::Nowhere, false, false),
    ] {
        let mut memory = Memory::holding(b"one".to_vec());
        memory.medium_mut().cutting = cutting;
        memory.write_all(b"two").unwrap();
        memory.flush().unwrap();
        memory.write_all(b"three").unwrap();
        assert_eq!(memory.truncate(6), Ok(buffered));
        assert_eq!(memory.truncate(3), Ok(flushed));
    }
}

#[test]
#[should_panic(expected = "were to stay")]
fn it_does_not_cut_what_is_to_stay() {
    let mut memory = Memory::holding(b"one".to_vec());
    memory.medium_mut().keep(2);
    assert_eq!(memory.truncate(2), Ok(true));
    let _ = memory.truncate(1);
}

#[test]
#[should_panic(expected = "are durable")]
fn only_what_is_durable_can_stay() {
    let mut memory = Memory::holding(b"one".to_vec());
    memory.write_all(b"two").unwrap();
    memory.medium_mut().keep(4);
}
