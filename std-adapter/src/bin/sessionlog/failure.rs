//! Why a command ended other than well, and what the process exits with.

use std::{error::Error, io};

/// Failed, or found something wrong.
pub(crate) const FAILED: u8 = 1;
/// The command line makes no sense.
pub(crate) const USAGE: u8 = 2;

/// What a command returns when it is not done, or not content.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are well formed and still make no sense together.
    Usage(String),
    /// The work failed; the error says what and its sources why.
    Failed(Box<dyn Error + Send + Sync>),
    /// The work is done and something wrong was found, which is already shown.
    Found,
    /// Standard output could not be written.
    Output(io::Error),
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Failed(_) | Self::Found => FAILED,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => FAILED,
        }
    }

    /// What to tell the user, with the causes; `None` if nothing is to be said.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::Usage(words) => Some(words.clone()),
            Self::Failed(error) => Some(with_causes(error.as_ref())),
            Self::Found => None,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Self::Output(error) => Some(format!("cannot write the output: {error}")),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    /// Errors of the library. Those of standard output come through [`Output`](crate::output::Output), which knows them.
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// The error and its sources, each said once.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        // Some errors repeat their source's words.
        if !words.contains(&cause_words) {
            words.push_str(": ");
            words.push_str(&cause_words);
        }
        source = cause.source();
    }
    words
}

/// Marks errors of standard output, so that they are not taken for those of a session's file.
#[derive(Debug)]
pub(crate) struct OutputError(pub(crate) io::Error);

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Self::Output(error.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Outer(&'static str, io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.1)
        }
    }

    #[test]
    fn codes() {
        assert_eq!(Failure::Usage(String::new()).code(), 2);
        assert_eq!(Failure::Found.code(), 1);
        assert_eq!(Failure::from(io::Error::other("x")).code(), 1);
        assert_eq!(Failure::Output(io::Error::other("x")).code(), 1);
    }

    #[test]
    fn only_a_closed_output_is_silent() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let output = Failure::from(OutputError(closed()));
        assert_eq!((output.code(), output.words()), (0, None));
        // A broken pipe of anything else is a failure like others.
        let other = Failure::from(closed());
        assert_eq!(other.code(), 1);
        assert!(other.words().is_some());
    }

    #[test]
    fn causes_are_told_once() {
        let error = |words| Outer(words, io::Error::other("disk on fire"));
        assert_eq!(
            Failure::from(error("cannot append")).words().unwrap(),
            "cannot append: disk on fire"
        );
        assert_eq!(
            Failure::from(error("cannot append: disk on fire"))
                .words()
                .unwrap(),
            "cannot append: disk on fire"
        );
    }
}
