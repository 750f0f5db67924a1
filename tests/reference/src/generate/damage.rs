//! What happens to files: cut, flipped, glued.

use proptest::prelude::*;
use proptest::sample::Index;

/// One blow to a file.
#[derive(Debug, Clone)]
pub enum Blow {
    /// The file ends here.
    Cut(Index),
    /// The byte here becomes another.
    Set(Index, u8),
    /// A bit of the byte here flips.
    Flip(Index, u8),
    /// The byte here is lost.
    Delete(Index),
    /// A byte appears.
    Insert(Index, u8),
    /// A line feed is lost: two lines fuse.
    Fuse(Index),
    /// The beginning of a line, cut at the second place, stands glued before another line.
    Stub(Index, Index, Index),
    /// The beginning of a line, cut where a value is due, stands glued before another line.
    Due(Index, Index, Index),
    /// A line stands behind so many containers that never close.
    Nest(Index, usize, bool),
    /// Three lines fuse, and the middle one has lost a byte.
    Braid(Index, Index),
    /// A run of NULs before a line.
    Nuls(Index, u8),
    /// A run of bytes becomes NULs, as after a power loss.
    Zero(Index, u8),
    /// Two lines change places.
    Swap(Index, Index),
    /// A line stands again somewhere else.
    Copy(Index, Index),
    /// A line is lost.
    Lose(Index),
    /// A blank line appears.
    Blank(Index, u8),
    /// Every line ends with `\r\n`.
    Crlf,
    /// The last line feed is lost.
    Unended,
    /// White space at the end of the file, without a line feed.
    Trailing(u8),
    /// A line that is no record.
    Garbage(Index, Vec<u8>),
}

/// A blow of any sort.
pub fn blow() -> impl Strategy<Value = Blow> {
    let at = any::<Index>;
    let byte = || {
        prop_oneof![
            Just(0u8),
            Just(0xFF),
            Just(b'"'),
            Just(b'{'),
            Just(b'}'),
            Just(b'\n'),
            Just(b' '),
            any::<u8>()
        ]
    };
    prop_oneof![
        3 => at().prop_map(Blow::Cut),
        2 => (at(), byte()).prop_map(|(a, b)| Blow::Set(a, b)),
        2 => (at(), 0u8..8).prop_map(|(a, b)| Blow::Flip(a, b)),
        1 => at().prop_map(Blow::Delete),
        1 => (at(), byte()).prop_map(|(a, b)| Blow::Insert(a, b)),
        3 => at().prop_map(Blow::Fuse),
        3 => (at(), at(), at()).prop_map(|(a, b, c)| Blow::Stub(a, b, c)),
        2 => (at(), at(), at()).prop_map(|(a, b, c)| Blow::Due(a, b, c)),
        1 => (at(), 1usize..12, any::<bool>()).prop_map(|(a, n, array)| Blow::Nest(a, n, array)),
        2 => (at(), at()).prop_map(|(a, b)| Blow::Braid(a, b)),
        1 => (at(), 1u8..60).prop_map(|(a, n)| Blow::Nuls(a, n)),
        1 => (at(), 1u8..60).prop_map(|(a, n)| Blow::Zero(a, n)),
        1 => (at(), at()).prop_map(|(a, b)| Blow::Swap(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Blow::Copy(a, b)),
        1 => at().prop_map(Blow::Lose),
        1 => (at(), 0u8..4).prop_map(|(a, n)| Blow::Blank(a, n)),
        1 => Just(Blow::Crlf),
        1 => Just(Blow::Unended),
        1 => (1u8..4).prop_map(Blow::Trailing),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(a, v)| Blow::Garbage(a, v)),
    ]
}

/// The file after the blow; one that does not apply changes nothing.
pub fn strike(bytes: &[u8], blow: &Blow) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if out.is_empty() {
        return out;
    }
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let count = lines.len();
    let white = |n: u8| {
        [b' ', b'\t', b'\r']
            .iter()
            .copied()
            .cycle()
            .take(n.into())
            .collect::<Vec<u8>>()
    };
    match blow {
        Blow::Cut(at) => out.truncate(at.index(bytes.len())),
        Blow::Set(at, byte) => out[at.index(bytes.len())] = *byte,
        Blow::Flip(at, bit) => out[at.index(bytes.len())] ^= 1 << bit,
        Blow::Delete(at) => drop(out.remove(at.index(bytes.len()))),
        Blow::Insert(at, byte) => out.insert(at.index(bytes.len() + 1), *byte),
        Blow::Zero(at, n) => out[at.index(bytes.len())..]
            .iter_mut()
            .take((*n).into())
            .for_each(|b| *b = 0),
        Blow::Crlf => {
            for line in &mut lines {
                if line.pop_if(|b| *b == b'\n').is_some() {
                    line.extend(b"\r\n");
                }
            }
            return lines.concat();
        }
        Blow::Unended => drop(out.pop_if(|b| *b == b'\n')),
        Blow::Trailing(n) => out.extend(white(*n)),
        Blow::Fuse(at) => {
            let feeds: Vec<usize> = (0..out.len()).filter(|&i| out[i] == b'\n').collect();
            if !feeds.is_empty() {
                out.remove(feeds[at.index(feeds.len())]);
            }
        }
        Blow::Stub(from, cut, to) => {
            let from = &lines[from.index(count)];
            let stub = from[..cut.index(from.len())].to_vec();
            lines[to.index(count)].splice(0..0, stub);
            return lines.concat();
        }
        Blow::Due(from, cut, to) => {
            let from = &lines[from.index(count)];
            let dues: Vec<usize> = (0..from.len())
                .filter(|&i| matches!(from[i], b':' | b'['))
                .collect();
            if !dues.is_empty() {
                let stub = from[..=dues[cut.index(dues.len())]].to_vec();
                lines[to.index(count)].splice(0..0, stub);
            }
            return lines.concat();
        }
        Blow::Nest(at, levels, array) => {
            let one: &[u8] = if *array { b"[" } else { b"{\"x\":" };
            // The candidate's own object is the first level.
            let stub = [b"{\"type\":".as_slice(), &one.repeat(levels - 1)].concat();
            lines[at.index(count)].splice(0..0, stub);
            return lines.concat();
        }
        Blow::Braid(at, lost) => {
            let at = at.index(count);
            let end = count.min(at + 3);
            if let Some(middle) = lines[at..end].get_mut(1)
                && middle.len() > 1
            {
                middle.remove(lost.index(middle.len() - 1));
            }
            for line in &mut lines[at..end.saturating_sub(1).max(at)] {
                line.pop_if(|b| *b == b'\n');
            }
            return lines.concat();
        }
        Blow::Nuls(at, n) => {
            lines[at.index(count)].splice(0..0, vec![0; (*n).into()]);
            return lines.concat();
        }
        Blow::Swap(a, b) => {
            lines.swap(a.index(count), b.index(count));
            return lines.concat();
        }
        Blow::Copy(from, to) => {
            let line = lines[from.index(count)].clone();
            lines.insert(to.index(count + 1), line);
            return lines.concat();
        }
        Blow::Lose(at) => {
            lines.remove(at.index(count));
            return lines.concat();
        }
        Blow::Blank(at, n) => {
            lines.insert(at.index(count + 1), [white(*n), b"\n".to_vec()].concat());
            return lines.concat();
        }
        Blow::Garbage(at, garbage) => {
            lines.insert(
                at.index(count + 1),
                [garbage.clone(), b"\n".to_vec()].concat(),
            );
            return lines.concat();
        }
    }
    out
}
