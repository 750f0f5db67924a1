//! The lines of a file, streamed through one buffer: what a reader without our framer would use.

use std::io::{self, Read};

/// Bytes that are read at once, as by our own reader.
const CHUNK: usize = 128 * 1024;

/// Gives every line of `file`, without its end, as bytes that may be changed. The buffer grows to the longest line.
///
/// # Errors
/// When the file cannot be read.
pub fn each(mut file: impl Read, mut take: impl FnMut(&mut [u8])) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut held = 0;
    loop {
        if held == buffer.len() {
            buffer.resize(held * 2, 0);
        }
        let read = file.read(&mut buffer[held..])?;
        if read == 0 {
            if held > 0 {
                take(&mut buffer[..held]);
            }
            return Ok(());
        }
        let filled = held + read;
        // What was held has no line end.
        let (mut start, mut from) = (0, held);
        while let Some(length) = memchr::memchr(b'\n', &buffer[from..filled]) {
            take(&mut buffer[start..from + length]);
            start = from + length + 1;
            from = start;
        }
        buffer.copy_within(start..filled, 0);
        held = filled - start;
    }
}

/// Counts the line ends of `file`.
///
/// # Errors
/// When the file cannot be read.
pub fn count(mut file: impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut ends = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(ends),
            read => ends += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_longer_than_the_buffer_and_a_last_one_without_end() {
        let long = "x".repeat(3 * CHUNK + 1);
        let text = format!("a\n\n{long}\nb");
        let mut seen = vec![];
        each(text.as_bytes(), |line| seen.push(line.len())).expect("read");
        assert_eq!(seen, [1, 0, long.len(), 1]);
        assert_eq!(count(text.as_bytes()).expect("read"), 3);
    }
}
