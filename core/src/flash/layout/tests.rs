use super::*;
use std::vec::Vec;

fn geometry() -> Geometry {
    Geometry::with_unit(0..8192, 1024, 4).unwrap()
}

fn header() -> BlockHeader {
    BlockHeader {
        seq: 70_000,
        session: 69_990,
        offset: 0xa1b2_c3d4_e5f6,
        tail: 69_995,
        moved: true,
        copy: Some(69_998),
    }
}

fn encoded(header: &BlockHeader, geometry: &Geometry) -> [u8; HEADER] {
    let mut bytes = [0xff; HEADER];
    header.encode(geometry, &mut bytes);
    bytes
}

#[test]
fn a_block_header_is_read_as_it_was_written() {
    let geometry = geometry();
    let bytes = encoded(&header(), &geometry);
    assert_eq!(BlockHeader::decode(&bytes, &geometry), Some(header()));
    assert_eq!(BlockHeader::geometry_in(&bytes), Some((1024, 4)));
    let first = BlockHeader {
        session: 70_000,
        moved: false,
        copy: None,
        ..header()
    };
    let read = BlockHeader::decode(&encoded(&first, &geometry), &geometry).unwrap();
    assert_eq!(read, first);
    assert_eq!(
        read.start(),
        0,
        "its offset is the length of the session before"
    );
}

#[test]
fn a_changed_block_header_is_none() {
    let bytes = encoded(&header(), &geometry());
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            BlockHeader::decode(&changed, &geometry()),
            None,
            "bit {bit}"
        );
    }
    let others = [(0..4096, 1024, 4), (0..8192, 512, 4), (0..8192, 1024, 8)];
    for (range, block, unit) in others {
        let other = Geometry::with_unit(range, block, unit).unwrap();
        assert_eq!(BlockHeader::decode(&bytes, &other), None);
    }
}

fn sealed(content: Content, payload: &[u8]) -> Vec<u8> {
    let mut buf = [0xff; 256];
    buf[FRAME_HEADER as usize..][..payload.len()].copy_from_slice(payload);
    let header = FrameHeader::new(content, 0x1_2345, true, false);
    header
        .seal(&mut buf, payload.len(), &geometry(), 9, 128)
        .to_vec()
}

#[test]
fn a_frame_is_read_where_it_was_written_and_nowhere_else() {
    for content in [Content::Stream, Content::Copy] {
        let bytes = sealed(content, b"twelve bytes");
        assert_eq!(bytes.len(), 20, "to a whole word");
        let frame = FrameHeader::decode(&bytes, 9, 128).unwrap();
        assert_eq!(
            (frame.content, frame.len(), frame.first(), frame.last()),
            (content, 12, true, false)
        );
        assert_eq!(frame.offset(0x1_2300), 0x1_2345, "the least from there on");
        assert_eq!(frame.offset(0x1_2346), 0x1_6345);
        assert_eq!(
            FrameHeader::decode(&bytes, 17, 128),
            None,
            "an earlier life of the block"
        );
        assert_eq!(FrameHeader::decode(&bytes, 9, 132), None, "another place");
        for bit in 0..(FRAME_HEADER as usize + 12) * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&changed, 9, 128), None, "bit {bit}");
        }
        assert_eq!(FrameHeader::decode(&bytes[..18], 9, 128), None, "cut off");
    }
    assert!(FrameHeader::is_erased(&[0xff; 7]));
    assert!(!FrameHeader::is_erased(&sealed(Content::Stream, b"x")));
}
