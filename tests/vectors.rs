//! The conformance vectors: files under `vectors/` and what each must read as.

use std::path::{Path, PathBuf};

/// A vector.
#[derive(Debug)]
pub struct Vector {
    /// `valid/chained-branch-leaf` and the like.
    pub name: String,
    /// The session file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What `context --json` prints for it, without `recovery.warnings`; or `{"refused":"version"|"empty"}`.
    pub expected: serde_json::Value,
}

/// Every vector, by name.
///
/// # Panics
/// When a file cannot be read or lacks its other half.
pub fn all() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut found = Vec::new();
    for folder in ["invalid", "torn", "valid"] {
        let entries = std::fs::read_dir(root.join(folder)).expect("the folder is there");
        let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("readable").path()).collect();
        paths.sort();
        for path in paths
            .into_iter()
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
        {
            let stem = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let bytes = std::fs::read(&path).expect("readable");
            let expected =
                std::fs::read(path.with_extension("json")).unwrap_or_else(|_| b"null".to_vec());
            let expected = serde_json::from_slice(&expected).expect("JSON");
            found.push(Vector {
                name: format!("{folder}/{stem}"),
                path,
                bytes,
                expected,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{self, State, context};

    /// With `SESSIONLOG_WRITE_VECTORS` set it writes the expectations instead: read every change before it is kept.
    #[test]
    fn the_model_reads_them_as_expected() {
        let vectors = all();
        assert!(vectors.len() > 60);
        for v in vectors {
            let got = context::json(&model::read(&v.bytes), &v.bytes);
            if std::env::var_os("SESSIONLOG_WRITE_VECTORS").is_some() {
                let text = serde_json::to_string_pretty(&got).expect("JSON") + "\n";
                std::fs::write(v.path.with_extension("json"), text).expect("writable");
            } else {
                assert_eq!(got, v.expected, "{}", v.name);
            }
        }
    }

    #[test]
    fn each_stands_in_its_folder() {
        for v in all() {
            let m = model::read(&v.bytes);
            let refused = matches!(
                m.header,
                model::Header::Empty | model::Header::Unsupported(_)
            );
            let fits = match v.name.split('/').next() {
                Some("valid") => m.state == State::Clean && !refused,
                Some("invalid") => refused || m.state == State::Corrupt,
                _ => !v.bytes.ends_with(b"\n") && m.state != State::Clean,
            };
            assert!(fits, "{}: {:?}", v.name, m.state);
        }
    }
}
