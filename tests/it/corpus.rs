//! The fuzz targets' properties on their checked-in seeds, so that what a fuzzer once found is found by every test run.

use sessionlog_tests::properties;
use std::path::Path;

fn on_seeds(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        // A failure is read next to the name of its seed.
        println!("{}", path.display());
        property(&std::fs::read(&path).expect("readable"));
        seeds += 1;
    }
    assert!(seeds > 3, "{target} has only {seeds} seeds");
}

#[test]
fn scanner() {
    on_seeds("scanner", properties::scanner);
}

#[test]
fn framing() {
    on_seeds("framing", properties::framing);
}

#[test]
fn replay() {
    on_seeds("replay", properties::replay);
}

#[test]
fn journal() {
    on_seeds("journal", properties::journal);
}

#[test]
fn flash() {
    on_seeds("flash", properties::flash);
}
