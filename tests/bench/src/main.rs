//! Does a path's work once, for an instruction counter:
//!
//! - `sessionlog-bench list` names the paths: name, unit, two sizes.
//! - `sessionlog-bench make DIR` makes the files.
//! - `sessionlog-bench run NAME SIZE DIR` does the work.

use sessionlog_bench::{
    Error,
    work::{self, Place},
};
use std::path::Path;

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["list"] => {
            for work in work::ALL {
                let [small, large] = work.sizes;
                println!("{} {} {small} {large}", work.name, work.unit);
            }
            Ok(())
        }
        ["make", dir] => {
            for work in work::ALL {
                for size in work.sizes {
                    let dir = Path::new(dir);
                    (work.make)(&Place { dir, size })?;
                }
            }
            Ok(())
        }
        ["run", name, size, dir] => {
            let mut all = work::ALL.into_iter();
            let work = all.find(|work| work.name == name).ok_or("no such path")?;
            let place = Place {
                dir: Path::new(dir),
                size: size.parse()?,
            };
            (work.task)(&place)?()
        }
        _ => Err("usage: list, make DIR, or run NAME SIZE DIR".into()),
    }
}
