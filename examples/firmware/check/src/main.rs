//! On the host, after the power was cut: is what the firmware acknowledged still there?
//!
//! ```text
//! firmware-check acked FILE ACKS...      every acknowledged record is in the session file, which `sessionlog flash export` writes
//! ```
//! Exit status 1: something is lost, or what is there is no record. 2: a file cannot be read.

use sessionlog_core::{
    crc::Crc32,
    record::{Limits, RecordScanner},
};
use std::{collections::HashSet, fs, process::ExitCode};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["acked", file, ref acks @ ..] if !acks.is_empty() => acked(file, acks),
        _ => Err("usage: firmware-check acked FILE ACKS...".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("firmware-check: {error}");
            ExitCode::from(2)
        }
    }
}

/// A record that was acknowledged.
struct Ack<'a> {
    crc: &'a str,
    start: u64,
    len: u64,
}

fn acked(file: &str, acks: &[&str]) -> Result<bool> {
    let mut said = String::new();
    for acks in acks {
        said.push_str(&fs::read_to_string(acks)?);
        // Cut off within a line, perhaps: then it says nothing.
        said.truncate(said.rfind('\n').map_or(0, |end| end + 1));
    }
    let (mut acks, mut gone) = (Vec::new(), 0);
    for line in said.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["ack", crc, start, len] => acks.push(Ack {
                crc,
                start: start.parse()?,
                len: len.parse()?,
            }),
            ["gone", offset] => gone = gone.max(offset.parse()?),
            [""] => {}
            _ => return Err(format!("not an acknowledgement: {line:?}").into()),
        }
    }

    let session = fs::read(file)?;
    let (mut records, mut bad) = (HashSet::new(), 0);
    for line in session.split(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Err(error) = RecordScanner::scan(line, Limits::default()) {
            println!("no record: {error}: {}", String::from_utf8_lossy(line));
            bad += 1;
        }
        records.insert((format!("{:08x}", Crc32::of(line)), line.len() as u64));
    }

    let due = acks.iter().filter(|ack| ack.start >= gone);
    let due_count = due.clone().count();
    let lost: Vec<_> = due
        .filter(|ack| !records.contains(&(ack.crc.to_string(), ack.len)))
        .collect();
    for Ack { crc, start, len } in &lost {
        println!("lost: the record of {len} bytes at offset {start}, CRC {crc}");
    }
    println!(
        "{} records acknowledged, {} of them given up since; of the other {due_count}, {} are lost; \
         {} records in the image, {bad} bad",
        acks.len(),
        acks.len() - due_count,
        lost.len(),
        records.len()
    );
    Ok(lost.is_empty() && bad == 0)
}
