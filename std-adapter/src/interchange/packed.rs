//! Files that are compressed with Zstandard, as Codex keeps its older ones.

use super::{lines::Source, temporary};
use crate::{Error, io::read_at};
use ruzstd::decoding::StreamingDecoder;
use std::io::{self, BufReader, BufWriter, Read, Write};

/// How such a file begins.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes that are unpacked at most, 1 GiB: a small file can say that it is endless.
const MAX_UNPACKED: u64 = 1 << 30;

/// What is in a compressed file, up to `limit` bytes, in a file without name; any other file as it is.
pub(super) fn unpacked(source: Source, limit: u64) -> Result<Source, Error> {
    let mut first = [0; MAGIC.len()];
    let read = read_at(&source.file, &mut first, 0).map_err(source.failed())?;
    if read < MAGIC.len() || first != MAGIC {
        return Ok(source);
    }
    unpacked_to(source, limit, MAX_UNPACKED)
}

/// Up to `limit` bytes; `max` of them are too many.
fn unpacked_to(source: Source, limit: u64, max: u64) -> Result<Source, Error> {
    let limit = limit.min(max);
    let cannot = |words: String| Error::io(source.path(), "unpack")(io::Error::other(words));
    let damaged = |error: String| {
        cannot(format!(
            "what is compressed in it is damaged or cut off from its first part on; get a whole copy of it ({error})"
        ))
    };
    let (end, closing) = match cut_off(&source)? {
        Some((end, closing)) => (end, closing),
        None => (source.len, &[][..]),
    };
    let mut packed = BufReader::new(source.part(0, end).chain(closing));
    let mut sink = BufWriter::new(temporary()?);
    let mut written = 0;
    let mut chunk = vec![0; 64 * 1024];
    // Frames may follow each other. One that is cut off gives what is whole of it.
    while written < limit && !is_at_end(&mut packed).map_err(source.failed())? {
        let decoder = StreamingDecoder::new(&mut packed);
        let mut decoder = match decoder {
            Ok(decoder) => decoder,
            Err(error) if written == 0 => return Err(damaged(error.to_string())),
            Err(_) => break,
        };
        let whole = loop {
            match decoder.read(&mut chunk) {
                Ok(0) => break true,
                Ok(read) => {
                    sink.write_all(&chunk[..read])
                        .map_err(Error::io(source.path(), "unpack"))?;
                    written += read as u64;
                    if written >= limit {
                        break false;
                    }
                }
                Err(error) if written == 0 => return Err(damaged(error.to_string())),
                Err(_) => break false,
            }
        };
        if !whole {
            break;
        }
    }
    if written >= max {
        return Err(cannot(
            "more than 1 GiB is compressed in it; unpack it with `zstd -d`, and give the unpacked file"
                .into(),
        ));
    }
    let file = sink.into_inner().map_err(io::IntoInnerError::into_error);
    let file = file.map_err(Error::io(source.path(), "unpack"))?;
    Ok(Source {
        path: source.path,
        file,
        len: written,
    })
}

/// Of a file that ends within a frame: where that frame's last whole block ends, and what closes the frame there. A decoder
/// keeps back what later blocks may repeat until it has seen the last one.
fn cut_off(source: &Source) -> Result<Option<(u64, &'static [u8])>, Error> {
    // An empty last block, and a checksum that nobody looks at.
    const CLOSING: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
    let bytes = |at: u64| -> Result<Option<[u8; 8]>, Error> {
        let mut bytes = [0; 8];
        let read = read_at(&source.file, &mut bytes, at).map_err(source.failed())?;
        Ok((read > 0).then_some(bytes))
    };
    let mut at = 0;
    while let Some([a, b, c, d, e, f, g, h]) = bytes(at)? {
        if [b, c, d] == [0x2a, 0x4d, 0x18] && a & 0xf0 == 0x50 {
            // A frame to be skipped.
            at += 8 + u64::from(u32::from_le_bytes([e, f, g, h]));
            continue;
        }
        if [a, b, c, d] != MAGIC {
            return Ok(None);
        }
        let alone = e & 0x20 != 0;
        let checksum = if e & 4 != 0 { 4 } else { 0 };
        let dictionary = [0, 1, 2, 4][usize::from(e & 3)];
        let size = [u64::from(alone), 2, 4, 8][usize::from(e >> 6)];
        at += 5 + u64::from(!alone) + dictionary + size;
        let first = at;
        let closed = loop {
            let Some([a, b, c, ..]) = bytes(at)?.filter(|_| at + 3 <= source.len) else {
                break false;
            };
            let header = u32::from_le_bytes([a, b, c, 0]);
            let len = match (header >> 1) & 3 {
                1 => 1,
                _ => u64::from(header >> 3),
            };
            if at + 3 + len > source.len {
                break false;
            }
            at += 3 + len;
            if header & 1 == 1 {
                at += checksum;
                break true;
            }
        };
        if !closed {
            let closing = &CLOSING[..3 + usize::from(checksum == 4) * 4];
            return Ok((at > first).then_some((at, closing)));
        }
    }
    Ok(None)
}

fn is_at_end(packed: &mut impl io::BufRead) -> io::Result<bool> {
    Ok(packed.fill_buf()?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8]) -> Source {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Source {
            path: "p.zst".into(),
            file,
            len: bytes.len() as u64,
        }
    }

    fn text(source: &Source) -> String {
        let mut text = String::new();
        let mut part = source.part(0, source.len);
        part.read_to_string(&mut text).unwrap();
        text
    }

    /// A frame of blocks that are not compressed.
    fn frame(blocks: &[&str], checksum: bool) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([if checksum { 4 } else { 0 }, 0x58]);
        for (number, block) in (1..).zip(blocks) {
            let header = u32::from(number == blocks.len()) | (block.len() as u32) << 3;
            bytes.extend(&header.to_le_bytes()[..3]);
            bytes.extend(block.as_bytes());
        }
        if checksum {
            bytes.extend([0; 4]);
        }
        bytes
    }

    #[test]
    fn what_is_whole_of_a_file_that_is_cut_off_is_read() {
        for checksum in [false, true] {
            let whole = frame(&["one\n", "two\n", "three\n"], checksum);
            let end = whole.len() - if checksum { 4 } else { 0 };
            for (cut, says) in [
                (end, "one\ntwo\nthree\n"),
                (end - 1, "one\ntwo\n"),
                (end - 8, "one\ntwo\n"),
                (end - 9, "one\ntwo\n"),
                (end - 10, "one\n"),
            ] {
                let bytes = match cut == end {
                    true => &whole[..],
                    false => &whole[..cut],
                };
                let read = unpacked(packed(bytes), u64::MAX).unwrap();
                assert_eq!(text(&read), says, "{cut}");
            }
            let both = [frame(&["zero\n"], checksum), whole[..end - 1].to_vec()].concat();
            let read = unpacked(packed(&both), u64::MAX).unwrap();
            assert_eq!(text(&read), "zero\none\ntwo\n");
            // Nothing of it is whole.
            let none = unpacked(packed(&whole[..10]), u64::MAX);
            let words = none.unwrap_err().to_string();
            assert!(words.contains("get a whole copy"), "{words}");
        }
    }

    #[test]
    fn a_small_file_that_says_a_lot_is_refused() {
        let bytes = frame(&["one\n", "two\n"], false);
        let Err(error) = unpacked_to(packed(&bytes), u64::MAX, 8) else {
            panic!("it is not refused");
        };
        assert!(error.to_string().contains("`zstd -d`"), "{error}");
        assert_eq!(
            text(&unpacked_to(packed(&bytes), 3, 9).unwrap()),
            "one\ntwo\n"
        );
    }
}
