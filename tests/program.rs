//! The command's program, for tests that run it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// The command's program: `SESSIONLOG_BIN`, or the one that was built with the running test. Cargo tells a test only the
/// programs of its own package, so it is looked for beside that, and built when it is older than its source.
///
/// # Panics
/// When it cannot be built.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(named) = env::var_os("SESSIONLOG_BIN") {
            return named.into();
        }
        let test = env::current_exe().expect("a test is a file");
        let deps = test.parent().expect("a directory");
        let profile = deps.parent().expect("a directory");
        let program = profile.join(format!("sessionlog{}", env::consts::EXE_SUFFIX));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let source = [root.join("core/src"), root.join("std-adapter/src")]
            .iter()
            .filter_map(|dir| newest(dir))
            .max();
        let built = fs::metadata(&program).and_then(|there| there.modified());
        if built.ok() < source {
            let mut cargo = Command::new(env!("CARGO"));
            cargo
                .args([
                    "build",
                    "--quiet",
                    "-p",
                    "sessionlog",
                    "--bin",
                    "sessionlog",
                ])
                .current_dir(&root);
            if profile.ends_with("release") {
                cargo.arg("--release");
            }
            assert!(cargo.status().expect("cargo runs").success(), "{cargo:?}");
        }
        program
    })
}

/// When a file in `dir` or below was last changed.
fn newest(dir: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    entries
        .filter_map(|entry| match entry.file_type().ok()?.is_dir() {
            true => newest(&entry.path()),
            false => entry.metadata().ok()?.modified().ok(),
        })
        .max()
}
