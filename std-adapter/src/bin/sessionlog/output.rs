//! The only place that prints: data to standard output, words to standard error.

mod progress;
mod visible;

use crate::args::ColorWish;
use crate::failure::{Failure, OutputError, USAGE};
use crate::render::Styles;
use indicatif::ProgressBar;
use progress::Beside;
pub(crate) use progress::Progress;
use serde::Serialize;
use sessionlog::sanitize;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;
use std::time::Duration;
use visible::Visible;

/// Columns when standard output is no terminal or does not tell.
const DEFAULT_WIDTH: usize = 80;

/// Where a command's results and remarks go.
pub(crate) struct Output {
    out: BufWriter<Box<dyn Write>>,
    words: Box<dyn Write>,
    word_styles: Styles,
    /// Hidden but for long work.
    bar: ProgressBar,
    /// How results are coloured.
    pub(crate) styles: Styles,
    /// Results are for a machine.
    pub(crate) json: bool,
    /// Standard output is a terminal.
    pub(crate) terminal: bool,
    /// Its columns.
    pub(crate) width: usize,
}

impl Output {
    /// The process's own streams.
    pub(crate) fn new(color: ColorWish, json: bool) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let terminal = stdout.is_terminal();
        let width = if terminal {
            terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
        } else {
            None
        };
        let colored = wants_color(color, &stdout);
        let words_colored = wants_color(color, &stderr);
        let bar = ProgressBar::hidden();
        let watched = stderr.is_terminal();
        let stream = |stream, terminal| -> Box<dyn Write> {
            match terminal && watched {
                true => Box::new(Beside::new(&bar, stream)),
                false => stream,
            }
        };
        Self {
            out: BufWriter::with_capacity(1 << 16, stream(ansi(stdout, colored), terminal)),
            words: stream(ansi(stderr, words_colored), true),
            word_styles: Styles::new(words_colored),
            styles: Styles::new(colored),
            bar,
            json,
            terminal,
            width: width.unwrap_or(DEFAULT_WIDTH).max(20),
        }
    }

    /// Runs a renderer on standard output; what it shows of a session, it has sanitised.
    pub(crate) fn render(
        &mut self,
        renderer: impl FnOnce(&mut dyn Write, &Styles) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let styles = self.styles;
        renderer(&mut self.out, &styles).map_err(|e| OutputError(e).into())
    }

    /// Runs a writer of what goes out as it is, byte for byte. Only a terminal gets what it would obey, or hide, in
    /// a form to look at, and is told so: of JSON (`json`) lines that mean the same, of anything else pictures.
    pub(crate) fn exact(
        &mut self,
        json: bool,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if !self.terminal {
            return self.render(|out, _| write(out));
        }
        let mut visible = Visible::new(&mut self.out, json);
        let done = write(&mut visible).and_then(|()| visible.finish());
        if visible.changed() {
            self.note(format_args!(
                "Some characters are shown escaped, as this is a terminal; a pipe or `-o FILE` gives the exact bytes, which checksums are of."
            ));
        }
        done.map_err(|e| OutputError(e).into())
    }

    /// A line of text.
    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) -> Result<(), Failure> {
        self.render(|out, _| writeln!(out, "{text}"))
    }

    /// One JSON value on one line.
    pub(crate) fn json<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let mut text = serde_json::to_string(value)?;
        text.push('\n');
        self.json_part(&text)
    }

    /// A piece of JSON text, without a line end. Nothing in it is obeyed wherever it is shown; it must not be cut within an escape.
    pub(crate) fn json_part(&mut self, text: &str) -> Result<(), Failure> {
        let shown = sanitize::json(text);
        self.render(|out, _| out.write_all(shown.as_bytes()))
    }

    /// Shows how far long work is, for as long as the answer lives: `what` is done to sessions of `total` bytes, if that is known.
    pub(crate) fn progress(&self, what: &'static str, total: Option<u64>) -> Progress {
        Progress::begin(&self.bar, what, total)
    }

    /// Hands over what was written so far: before waiting for input, and when a promise is made with it.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|e| OutputError(e).into())
    }

    /// Waits so long. Says whether there is still somebody who reads what is written, where the system tells that.
    pub(crate) fn wait(&mut self, time: Duration) -> bool {
        #[cfg(unix)]
        {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            let stdout = io::stdout();
            // Nothing is asked for but what is always told: that the other end is closed.
            let mut streams = [PollFd::new(&stdout, PollFlags::empty())];
            if let Ok(time) = Timespec::try_from(time)
                && let Ok(told) = poll(&mut streams, Some(&time))
            {
                return told == 0;
            }
        }
        std::thread::sleep(time);
        true
    }

    /// A remark.
    pub(crate) fn note(&mut self, words: fmt::Arguments<'_>) {
        self.say("", self.word_styles.plain, words);
    }

    /// Something that the user should know.
    pub(crate) fn warn(&mut self, words: fmt::Arguments<'_>) {
        self.say("warning: ", self.word_styles.warn, words);
    }

    /// Something failed, and the command goes on.
    pub(crate) fn error(&mut self, words: fmt::Arguments<'_>) {
        self.say("error: ", self.word_styles.error, words);
    }

    /// Asks for a `y`; anything else, and no answer, is a no.
    pub(crate) fn confirm(&mut self, question: fmt::Arguments<'_>) -> io::Result<bool> {
        let text = question.to_string();
        write!(self.words, "{} [y/N] ", sanitize::field(&text))?;
        self.words.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
    }

    /// Says what is still to be said, and gives the exit code.
    pub(crate) fn finish(mut self, result: Result<(), Failure>) -> ExitCode {
        // Results before the failure are shown too; it is the first failure that counts.
        let result = match (result, self.flush()) {
            (Ok(()), flushed) => flushed,
            (failed, _) => failed,
        };
        let Err(failure) = result else {
            return ExitCode::SUCCESS;
        };
        if let Some(words) = failure.words() {
            self.error(format_args!("{words}"));
        }
        if let Failure::Usage(_) = failure {
            self.note(format_args!(
                "For more information, try 'sessionlog --help'."
            ));
        }
        ExitCode::from(failure.code())
    }

    fn say(&mut self, label: &str, style: anstyle::Style, words: fmt::Arguments<'_>) {
        // Results come first when both go to one terminal. Its failure is met again when the command ends.
        let _ = self.out.flush();
        let text = words.to_string();
        // Who closed standard error wants no words; there is nowhere to complain.
        let _ = writeln!(
            self.words,
            "{style}{label}{style:#}{}",
            sanitize::multi_line(&text)
        );
    }
}

/// Shows clap's answer to a command line that asks for help or makes no sense.
pub(crate) fn answer_of_clap(
    answer: &clap::Error,
    words: &[OsString],
    color: ColorWish,
) -> ExitCode {
    let mut out = Output::new(color, false);
    let wrong = answer.use_stderr();
    let styles = if wrong { out.word_styles } else { out.styles };
    let rendered = answer.render();
    // clap repeats words of the command line. When one of them is not what it seems, the answer is shown without
    // colours, as then no escape sequence in it is meant.
    let odd = |word: &OsString| word.to_string_lossy().contains(sanitize::is_unprintable);
    let text = if styles == Styles::default() || words.iter().any(odd) {
        sanitize::multi_line(&rendered.to_string()).into_owned()
    } else {
        rendered.ansi().to_string()
    };
    if wrong {
        let _ = out.words.write_all(text.as_bytes());
        return ExitCode::from(USAGE);
    }
    let result = out.render(|data, _| data.write_all(text.as_bytes()));
    out.finish(result)
}

/// The usual rules: `--color`, else NO_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM and whether it is a terminal.
fn wants_color(wish: ColorWish, stream: &impl anstream::stream::RawStream) -> bool {
    match wish {
        ColorWish::Always => true,
        ColorWish::Never => false,
        ColorWish::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
    }
}

/// A stream that understands colour codes, which a Windows console has to be told.
fn ansi<S>(stream: S, colored: bool) -> Box<dyn Write>
where
    S: anstream::stream::RawStream + anstream::stream::AsLockedWrite + 'static,
{
    if colored {
        Box::new(anstream::AutoStream::always(stream))
    } else {
        Box::new(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// What was written, by anyone.
    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);
    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(io::ErrorKind);
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(out: impl Write + 'static, terminal: bool) -> (Output, Shared) {
        let words = Shared::default();
        let output = Output {
            out: BufWriter::new(Box::new(out)),
            words: Box::new(words.clone()),
            word_styles: Styles::new(false),
            bar: ProgressBar::hidden(),
            styles: Styles::new(false),
            json: false,
            terminal,
            width: DEFAULT_WIDTH,
        };
        (output, words)
    }

    fn code(code: ExitCode) -> String {
        format!("{code:?}")
    }

    #[test]
    fn a_closed_pipe_is_silent_and_a_full_disk_is_not() {
        let (mut out, words) = output(Broken(io::ErrorKind::BrokenPipe), false);
        let result = out.line(format_args!("data"));
        assert_eq!(code(out.finish(result)), code(ExitCode::SUCCESS));
        assert_eq!(words.text(), "");

        let (mut out, words) = output(Broken(io::ErrorKind::StorageFull), false);
        // Buffered: it is the flush at the end that meets the error.
        let result = out.line(format_args!("data"));
        assert!(result.is_ok());
        assert_eq!(code(out.finish(result)), code(ExitCode::from(1)));
        assert!(words.text().starts_with("error: cannot write the output: "));
    }

    #[test]
    fn words_never_carry_escapes() {
        let (mut out, words) = output(Shared::default(), false);
        out.note(format_args!("a\x1b[31m"));
        out.warn(format_args!("b\u{202e}"));
        let result = Err(Failure::Usage("no session \x07".to_owned()));
        assert_eq!(code(out.finish(result)), code(ExitCode::from(2)));
        assert_eq!(
            words.text(),
            "a␛[31m\nwarning: b\\u{202e}\nerror: no session ␇\n\
             For more information, try 'sessionlog --help'.\n"
        );
    }

    #[test]
    fn json_has_nothing_in_it_that_is_obeyed() {
        for (terminal, expected) in [
            (false, "\"\\u009b\\u202e\"\n"),
            (true, "\"\\u009b\\u202e\"\n"),
        ] {
            let data = Shared::default();
            let (mut out, _) = output(data.clone(), terminal);
            out.json(&"\u{9b}\u{202e}").unwrap();
            let _ = out.finish(Ok(()));
            assert_eq!(data.text(), expected);
        }
    }

    #[test]
    fn the_first_failure_counts() {
        let (mut out, words) = output(Broken(io::ErrorKind::BrokenPipe), false);
        out.line(format_args!("data")).unwrap();
        let failed = Err(Failure::from(io::Error::other("no such session")));
        assert_eq!(code(out.finish(failed)), code(ExitCode::from(1)));
        assert_eq!(words.text(), "error: no such session\n");
    }
}
