use crate::run::{Store, lines};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use serde_json::{Value, json};
use sessionlog_core::{
    Clock, Timestamp,
    compaction::{Keep, Reason},
    flash::{FlashLog, Geometry, Options},
    journal::{self, Journal},
    record::{Header, Verbatim},
};
use std::{fs, mem};

const BLOCK: u32 = 4096;
const BLOCKS: u32 = 8;

/// A chip in memory, as the device's driver shows it.
#[derive(Default)]
struct Chip(Vec<u8>);

#[derive(Debug)]
struct Refused;

impl embedded_storage::nor_flash::NorFlashError for Refused {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl ErrorType for Chip {
    type Error = Refused;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 1;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), Refused> {
        let at = at as usize;
        let held = self.0.get(at..at + bytes.len()).ok_or(Refused)?;
        bytes.copy_from_slice(held);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Refused> {
        self.0[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Refused> {
        let place = &mut self.0[at as usize..at as usize + bytes.len()];
        place
            .iter_mut()
            .zip(bytes)
            .for_each(|(bits, new)| *bits &= new);
        Ok(())
    }
}

#[derive(Default)]
struct Ticks(i64);

impl Clock for Ticks {
    fn now(&mut self) -> Timestamp {
        self.0 += 1000;
        Timestamp::from_unix_ms(1_767_225_600_000 + self.0)
    }
}

type Device = Journal<FlashLog<Chip>, Ticks, 8>;

fn geometry(offset: u32) -> Geometry {
    Geometry::new::<Chip>(offset..offset + BLOCKS * BLOCK, BLOCK).unwrap()
}

/// Begins a session on the device.
fn begin(chip: Chip, offset: u32, id: &str) -> Device {
    let mut log = FlashLog::mount(chip, geometry(offset), Options::default()).unwrap();
    log.begin_session().unwrap();
    let header = Header {
        id,
        timestamp: Ticks::default().now(),
        cwd: "/greenhouse",
        parent_session: None,
        branch_name: None,
        fork_point: None,
    };
    Journal::create(log, Ticks::default(), &header, journal::Options::default()).unwrap()
}

/// A turn: a question, and an answer with its usage.
fn turn(device: &mut Device, n: usize) {
    let question =
        json!({"role": "user", "content": [{"type": "text", "text": format!("reading {n}?")}]});
    let answer = json!({"role": "assistant", "model": "gpt-5-mini", "provider": "openai",
        "content": [{"type": "text", "text": format!("reading {n} is fine. {}", "So it goes. ".repeat(20))}],
        "usage": {"input_tokens": 100, "output_tokens": 10}});
    for payload in [question, answer] {
        device
            .append(&Verbatim(payload.to_string().as_bytes()))
            .unwrap();
    }
    device.end_turn().unwrap();
}

fn chip(len: u32) -> Chip {
    Chip(vec![0xff; len as usize])
}

/// What the device leaves when its power goes.
fn taken(device: &mut Device) -> Chip {
    mem::take(device.storage().flash())
}

/// Two sessions, and the image of them.
fn two_sessions(store: &Store) -> (String, Chip) {
    let mut first = begin(chip(BLOCKS * BLOCK), 0, "first");
    (0..3).for_each(|n| turn(&mut first, n));
    let mut second = begin(taken(&mut first), 0, "second");
    (0..2).for_each(|n| turn(&mut second, n));
    let chip = taken(&mut second);
    (store.file("flash.bin", &chip.0), chip)
}

#[test]
fn an_image_is_read_like_a_session() {
    let store = Store::new();
    let (image, _) = two_sessions(&store);
    let context = store.json(&["context", "--json", &image]);
    assert_eq!(context["session"]["id"], "second");
    assert_eq!(context["messages"].as_array().unwrap().len(), 4);
    assert_eq!(context["usage"]["input_tokens"], 200);
    assert_eq!(
        store.json(&["usage", "--json", &image])["branch"]["usage"]["turns"],
        2
    );
    assert!(store.ok(&["show", &image]).contains("reading 1 is fine"));
    assert_eq!(
        store.json(&["tree", "--json", &image])["branches"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // Nothing but its device writes to it.
    let before = fs::read(&image).unwrap();
    for args in [
        &["append", &image] as &[&str],
        &["compact", &image],
        &["leaf", &image, "msg-1"],
        &["repair", &image],
    ] {
        let ran = store.feed(args, crate::run::user("no").as_bytes());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(ran.err.contains("flash export"), "{ran:?}");
    }
    assert_eq!(fs::read(&image).unwrap(), before);
    // A fork of it can be gone on with.
    let fork = store.run(&["fork", &image]);
    let fork = fork.out.trim_end();
    store.append(fork, &crate::run::user("more"));
    let context = store.json(&["context", "--json", fork]);
    assert_eq!(context["messages"].as_array().unwrap().len(), 5);
}

#[test]
fn sessions_are_listed_exported_and_checked() {
    let store = Store::new();
    let (image, _) = two_sessions(&store);
    let listed = lines(&store.ok(&["flash", "ls", "--json", &image]));
    let ids: Vec<_> = listed
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["second", "first"]);
    assert_eq!(listed[1]["entries"], 9);
    assert_eq!(
        (&listed[1]["partial"], &listed[1]["status"]),
        (&json!(false), &json!("clean"))
    );
    assert_eq!(listed[0]["timestamp"], "2026-01-01T00:00:01.000Z");
    let number = listed[1]["number"].to_string();
    for spec in ["first", "f", &number] {
        let out = store.ok(&["flash", "export", &image, "--session", spec]);
        assert_eq!(out.len() as u64, listed[1]["bytes"].as_u64().unwrap());
        let path = store.file("first.jsonl", out.as_bytes());
        let context = store.json(&["context", "--json", &path]);
        assert_eq!(context["messages"].as_array().unwrap().len(), 6);
        assert_eq!(store.run(&["verify", &path]).code, 0);
    }
    let to = store.home().join("latest.jsonl");
    let to = to.to_str().unwrap();
    let told = store.json(&["flash", "export", "--json", &image, "-o", to]);
    let written = fs::metadata(to).unwrap().len();
    assert_eq!(told, json!({"path": to, "bytes": written}));
    let again = store.run(&["flash", "export", &image, "-o", to]);
    assert_eq!(again.code, 1, "{again:?}");
    assert_eq!(fs::metadata(to).unwrap().len(), written);
    let none = store.run(&["flash", "export", &image, "--session", "third"]);
    assert!(none.code == 1 && none.err.contains("flash ls"), "{none:?}");

    for command in [
        &["verify", "--json", &image] as &[&str],
        &["flash", "verify", "--json", &image],
    ] {
        let checked = lines(&store.ok(command));
        assert_eq!(
            (&checked[0]["status"], &checked[0]["sessions"]),
            (&json!("clean"), &json!(2))
        );
        let numbers: Vec<_> = checked[1..]
            .iter()
            .map(|line| line["session"].clone())
            .collect();
        assert_eq!(
            numbers,
            [listed[0]["number"].clone(), listed[1]["number"].clone()]
        );
        assert!(
            checked[1..]
                .iter()
                .all(|line| line["problems"] == json!([]))
        );
    }
    let info = store.json(&["flash", "info", "--json", &image]);
    let blocks = listed.iter().map(|line| line["blocks"].as_u64().unwrap());
    let used: u64 = blocks.sum();
    let facts = [
        "size",
        "block_size",
        "blocks",
        "unit",
        "in_use",
        "erased",
        "bad",
        "sessions",
    ];
    assert_eq!(
        facts.map(|fact| info[fact].as_u64().unwrap()),
        [32768, 4096, 8, 4, used, 8 - used, 0, 2]
    );
    assert!(
        store
            .ok(&["flash", "info", &image])
            .contains("8 blocks of 4 KiB")
    );
    assert!(store.ok(&["flash", "ls", &image]).contains("second"));
}

#[test]
fn what_is_left_of_a_reclaimed_session_is_sound() {
    let store = Store::new();
    let mut device = begin(chip(BLOCKS * BLOCK), 0, "long");
    let mut window = [0; 256];
    for n in 0..90 {
        turn(&mut device, n);
        if device.storage().room() < 6000 {
            let plan = device
                .plan(Reason::Manual, Keep::LastMessages(4), &mut window)
                .unwrap();
            device.commit(&plan, "all was well").unwrap();
            let keep = device.keep_from(&mut window).unwrap();
            device.storage().reclaim(keep).unwrap();
        }
    }
    let messages = device.context_messages();
    let image = store.file("flash.bin", &taken(&mut device).0);
    let listed = store.json(&["flash", "ls", "--json", &image]);
    assert_eq!(
        (&listed["id"], &listed["partial"]),
        (&json!("long"), &json!(true))
    );
    assert!(listed["bytes"].as_u64().unwrap() > 40_000);
    let context = store.json(&["context", "--json", &image]);
    assert_eq!(context["messages"][0]["type"], "compaction_summary");
    assert_eq!(
        context["messages"].as_array().unwrap().len() as u64,
        messages + 1
    );
    assert_eq!(context["recovery"]["warnings"], json!([]));
    let shown = store.run(&["show", &image]);
    assert_eq!((shown.code, shown.err.as_str()), (0, ""));

    let checked = store.run(&["verify", "--json", &image]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let problems = lines(&checked.out)[1]["problems"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        problems.iter().all(|problem| problem["severity"] == "note"),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem["kind"] == "missing_parent")
    );
    // The file has what is left and the header, and can be gone on with.
    let out = store.ok(&["flash", "export", &image]);
    assert!((out.len() as u64) < u64::from(BLOCKS * BLOCK));
    let header: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&header["id"], &header["reclaimed"]),
        (&json!("long"), &json!(true))
    );
    let path = store.file("long.jsonl", out.as_bytes());
    assert_eq!(store.run(&["verify", &path]).code, 0);
    assert!(store.ok(&["repair", &path]).contains("nothing to repair"));
    store.append(&path, &crate::run::two_turns());
    let longer = store.json(&["context", "--json", &path]);
    assert!(longer["messages"].as_array().unwrap().len() as u64 > messages + 1);
    assert_eq!(store.run(&["verify", &path]).code, 0);
    assert_eq!(store.run(&["fork", &path]).code, 0);
}

#[test]
fn damage_is_found_and_passed_over() {
    let store = Store::new();
    let (image, chip) = two_sessions(&store);
    let text = b"reading 1 is fine";
    let first = chip
        .0
        .windows(text.len())
        .position(|bytes| bytes == text)
        .unwrap();
    let mut damaged = chip.0.clone();
    damaged[first] ^= 1;
    fs::write(&image, &damaged).unwrap();
    let checked = store.run(&["flash", "verify", "--json", &image]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let checked = lines(&checked.out);
    assert_eq!(
        (&checked[0]["status"], &checked[0]["bad_frames"]),
        (&json!("corrupt"), &json!(1))
    );
    assert_eq!(
        (&checked[1]["status"], &checked[2]["status"]),
        (&json!("clean"), &json!("corrupt"))
    );
    let words = store.run(&["verify", &image]);
    assert!(
        words.code == 1 && words.out.contains("1 place where data is lost"),
        "{words:?}"
    );
    // Every header gone: there is nothing to be found.
    let mut erased = chip.0.clone();
    erased
        .chunks_mut(BLOCK as usize)
        .for_each(|block| block[..32].fill(0));
    fs::write(&image, &erased).unwrap();
    let ran = store.run(&["flash", "info", &image]);
    assert!(
        ran.code == 1 && ran.err.contains("no block's header"),
        "{ran:?}"
    );
    // One header gone, and the image ends early.
    damaged[..32].fill(0);
    fs::write(&image, &damaged).unwrap();
    assert_eq!(store.json(&["flash", "info", "--json", &image])["bad"], 1);
    for len in [0, 1, 31, 4096, 20_000] {
        fs::write(&image, &chip.0[..len]).unwrap();
        let ran = store.run(&["flash", "ls", &image]);
        assert!(ran.code == 1 && !ran.err.contains("bug"), "{ran:?}");
        assert_eq!(store.run(&["verify", &image]).code, 1);
    }
}

#[test]
fn a_region_of_a_dump_is_named() {
    let store = Store::new();
    let offset = 3 * BLOCK;
    let mut device = begin(chip(offset + BLOCKS * BLOCK), offset, "inner");
    turn(&mut device, 0);
    let mut dump = taken(&mut device).0;
    dump.extend([7; 5000]);
    let image = store.file("dump.bin", &dump);
    let size = (BLOCKS * BLOCK).to_string();
    let at = ["--offset", "12K", "--size", &size];
    let listed = store.ok(&[&["flash", "ls", "--json", &image], &at[..]].concat());
    assert_eq!(lines(&listed)[0]["id"], "inner");
    let ran = store.run(&["flash", "ls", &image]);
    assert!(ran.code == 1 && ran.err.contains("dump"), "{ran:?}");
    let ran = store.run(&["flash", "ls", &image, "--offset", "1M"]);
    assert!(
        ran.code == 1 && ran.err.contains("goes beyond its end"),
        "{ran:?}"
    );
}

#[test]
fn a_new_image_is_what_a_device_mounts() {
    let store = Store::new();
    let path = store.home().join("new.bin");
    let path = path.to_str().unwrap();
    let format = ["flash", "format", path, "--size", "32K", "--block", "4096"];
    let made = store.json(&[&format[..], &["--json"]].concat());
    assert_eq!(
        (&made["blocks"], &made["sessions"], &made["unit"]),
        (&json!(8), &json!(0), &json!(4))
    );
    let again = store.run(&format);
    assert!(
        again.code == 1 && again.err.contains("there is a file already"),
        "{again:?}"
    );
    assert_eq!(store.run(&["flash", "ls", path]).code, 0);
    assert_eq!(store.run(&["flash", "verify", path]).code, 0);
    let none = store.run(&["show", path]);
    assert!(
        none.code == 1 && none.err.contains("no session"),
        "{none:?}"
    );

    let mut device = begin(Chip(fs::read(path).unwrap()), 0, "new");
    turn(&mut device, 0);
    fs::write(path, taken(&mut device).0).unwrap();
    assert_eq!(
        store.json(&["context", "--json", path])["session"]["id"],
        "new"
    );
    for (size, block) in [("1000", "4096"), ("32K", "100"), ("8K", "4096")] {
        let other = store.home().join("other.bin");
        let args = [
            "flash",
            "format",
            other.to_str().unwrap(),
            "--size",
            size,
            "--block",
            block,
        ];
        assert_eq!(store.run(&args).code, 1, "{size} {block}");
        assert!(!other.exists());
    }
}
