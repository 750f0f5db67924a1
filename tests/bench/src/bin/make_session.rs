//! Makes a realistic session: `make_session PATH BYTES [SEED]`.

use sessionlog_bench::{Error, session, text::Corpus};
use std::path::PathBuf;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let (path, bytes) = args
        .next()
        .zip(args.next())
        .ok_or("usage: make_session PATH BYTES [SEED]")?;
    let mut shape = session::Shape::of(bytes.parse()?);
    if let Some(seed) = args.next() {
        shape.seed = seed.parse()?;
    }
    let made = session::write(&PathBuf::from(path), &shape, &Corpus::default())?;
    println!("{made:?}");
    Ok(())
}
