//! Files that are compressed with Zstandard, as Codex keeps its older ones.

use super::{lines::Source, temporary};
use crate::{Error, io::read_at};
use ruzstd::decoding::StreamingDecoder;
use std::io::{self, BufReader, BufWriter, Read, Write};

/// How such a file begins.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes that are unpacked at most: a small file can say that it is endless.
const MAX_UNPACKED: u64 = 16 << 30;

/// What is in a compressed file, up to `limit` bytes, in a file without name; any other file as it is.
pub(super) fn unpacked(source: Source, limit: u64) -> Result<Source, Error> {
    let mut first = [0; MAGIC.len()];
    let read = read_at(&source.file, &mut first, 0).map_err(source.failed())?;
    if read < MAGIC.len() || first != MAGIC {
        return Ok(source);
    }
    let cannot = |words: String| Error::io(source.path(), "unpack")(io::Error::other(words));
    let mut packed = BufReader::new(source.part(0, source.len));
    let mut sink = BufWriter::new(temporary()?);
    let (limit, mut written) = (limit.min(MAX_UNPACKED), 0);
    let mut chunk = vec![0; 64 * 1024];
    // Frames may follow each other. One that is cut off gives what is whole of it.
    while written < limit && !is_at_end(&mut packed).map_err(source.failed())? {
        let decoder = StreamingDecoder::new(&mut packed);
        let mut decoder = match decoder {
            Ok(decoder) => decoder,
            Err(error) if written == 0 => return Err(cannot(error.to_string())),
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
                Err(error) if written == 0 => return Err(cannot(error.to_string())),
                Err(_) => break false,
            }
        };
        if !whole {
            break;
        }
    }
    if written >= MAX_UNPACKED {
        return Err(cannot(format!("more than {MAX_UNPACKED} bytes are in it")));
    }
    let file = sink.into_inner().map_err(io::IntoInnerError::into_error);
    let file = file.map_err(Error::io(source.path(), "unpack"))?;
    Ok(Source {
        path: source.path,
        file,
        len: written,
    })
}

fn is_at_end(packed: &mut impl io::BufRead) -> io::Result<bool> {
    Ok(packed.fill_buf()?.is_empty())
}
