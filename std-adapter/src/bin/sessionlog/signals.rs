//! Signals that would end the command without a word.

/// From now on a write beyond the limit on the size of files (`ulimit -f`) fails with `EFBIG`, which is told like any full disk, and
/// what was begun is taken back. By itself it would raise SIGXFSZ, which kills.
///
/// A handler, and not "ignore": a program that we start begins with the system's way again.
pub(crate) fn outlive_the_limit_of_a_file() {
    #[cfg(unix)]
    {
        // Nobody asks whether it came: the write that failed says so. Where it cannot be caught, all is as it was.
        let came = std::sync::Arc::default();
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, came);
    }
}
