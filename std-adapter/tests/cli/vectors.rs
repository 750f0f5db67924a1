//! `context --json` prints what the conformance vectors say.

use crate::run::Store;
use serde_json::Value;
use std::{fs, path::Path};

#[test]
fn every_vector_reads_as_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let store = Store::new();
    let mut checked = 0;
    for folder in ["valid", "invalid", "torn"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path().canonicalize().unwrap();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            let expected = fs::read(path.with_extension("json")).unwrap();
            let expected: Value = serde_json::from_slice(&expected).unwrap();
            let ran = store.run(&["context", "--json", path.to_str().unwrap()]);
            checked += 1;
            // Without a header and without entries there is no session to show.
            let nothing = expected["session"].is_null() && expected["tip"].is_null();
            if nothing || expected.get("refused").is_some() {
                assert_eq!(ran.code, 1, "{}", path.display());
                continue;
            }
            // A payload nested to the limit is too deep for serde_json once it stands inside the answer.
            let Ok(mut got) = serde_json::from_str::<Value>(&ran.out) else {
                assert!(
                    path.ends_with("valid/depth-127.jsonl"),
                    "{}",
                    path.display()
                );
                continue;
            };
            got["recovery"].as_object_mut().unwrap().remove("warnings");
            assert_eq!(got, expected, "{}", path.display());
        }
    }
    assert!(checked > 80, "{checked}");
}
