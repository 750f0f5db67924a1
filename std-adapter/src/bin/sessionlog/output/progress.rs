//! How far long work is, on standard error if that is a terminal: nothing for work that is soon over, nothing left behind.

use crate::render::format::bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sessionlog::io::bytes_read;
use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Work that takes no longer shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks at how far it is.
const TICK: Duration = Duration::from_millis(100);

/// Work in progress, shown until this is dropped.
pub(crate) struct Progress {
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Shows on `bar` how many bytes of sessions are read, of `total` if that is known; `what` is being done.
    pub(super) fn begin(bar: &ProgressBar, what: &'static str, total: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return Self { shown: None };
        }
        let (stop, stopped) = mpsc::channel();
        let (bar, before) = (bar.clone(), bytes_read());
        let ticker = thread::Builder::new().spawn(move || {
            let still_at_it = |wait| stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
            if !still_at_it(PATIENCE) {
                return;
            }
            bar.reset();
            bar.set_style(style(total.is_some()));
            bar.set_length(total.unwrap_or(0));
            bar.set_draw_target(target);
            loop {
                let read = bytes_read().saturating_sub(before);
                // Some bytes are read twice.
                let read = total.map_or(read, |total| read.min(total));
                bar.set_message(words(what, read, total));
                bar.set_position(read);
                bar.tick();
                if !still_at_it(TICK) {
                    break;
                }
            }
            bar.finish_and_clear();
            bar.set_draw_target(ProgressDrawTarget::hidden());
        });
        Self {
            shown: ticker.ok().map(|ticker| (stop, ticker)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, ticker)) = self.shown.take() {
            drop(stop);
            // Should it have failed, nothing is shown any more.
            let _ = ticker.join();
        }
    }
}

fn style(measured: bool) -> ProgressStyle {
    let template = if measured {
        "{msg} [{bar:24}] {percent} %"
    } else {
        "{msg} {spinner}"
    };
    // Templates that are wrong would be seen at once.
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ").tick_chars("|/-\\ ")
}

fn words(what: &str, read: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{what} {} of {}", bytes(read), bytes(total)),
        None => format!("{what} {}", bytes(read)),
    }
}

/// A stream to a terminal that shows progress, perhaps: that makes room for each line. What is no whole line yet waits for
/// the rest of it, or for a flush, since progress would take its place.
pub(super) struct Beside<W> {
    bar: ProgressBar,
    stream: W,
    waiting: Vec<u8>,
}

impl<W: Write> Beside<W> {
    pub(super) fn new(bar: &ProgressBar, stream: W) -> Self {
        Self {
            bar: bar.clone(),
            stream,
            waiting: Vec::new(),
        }
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let data = std::mem::take(&mut self.waiting);
        self.bar.suspend(|| self.stream.write_all(&data))
    }
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let lines = data.iter().rposition(|byte| *byte == b'\n');
        let (lines, rest) = data.split_at(lines.map_or(0, |last| last + 1));
        if !lines.is_empty() {
            self.waiting.extend_from_slice(lines);
            self.hand_over()?;
        }
        self.waiting.extend_from_slice(rest);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.hand_over()?;
        }
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_whole_and_the_rest_when_flushed() {
        let mut beside = Beside::new(&ProgressBar::hidden(), Vec::new());
        for (data, stands) in [
            ("a", ""),
            ("b\nc", "ab\n"),
            ("d\ne\n", "ab\ncd\ne\n"),
            ("f", "ab\ncd\ne\n"),
        ] {
            beside.write_all(data.as_bytes()).unwrap();
            assert_eq!(beside.stream, stands.as_bytes());
        }
        beside.flush().unwrap();
        assert_eq!(beside.stream, b"ab\ncd\ne\nf");
    }

    #[test]
    fn what_was_read_is_told_of_the_whole() {
        assert_eq!(
            words("Checking", 512, Some(2048)),
            "Checking 512 B of 2 KiB"
        );
        assert_eq!(words("Reading", 512, None), "Reading 512 B");
    }
}
