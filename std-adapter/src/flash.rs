//! Images of a device's flash, read like any session.
//!
//! An image is a file that holds the flash, or the region of it, that a device keeps its log in (`docs/flash.md`).
//! [`SessionLog::open`] and [`verify()`](crate::verify()) take one for its newest session; [`FlashImage`] has the others too, and what
//! the log tells of the flash itself. Images are never written: the device alone goes on with its log.
//!
//! A session of an image is read from a copy of its stream without name, in the directory for temporary files; lines
//! and bytes that problems name are those of that stream, which [`FlashImage::export`] writes.

mod file;

use crate::{
    Error, SessionLog, Verification,
    files::{self, Open},
    io::read_at,
    verify::audited,
};
use embedded_io::{Read as _, Seek as _};
use file::{FileError, FileFlash};
use sessionlog_core::flash::{
    BlockState, Damage, Error as LogError, FlashLog, Geometry, GeometryError, Options,
    SessionReader, Wear,
};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Where in a file a region lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Offset of the region's first byte.
    pub offset: u32,
    /// Its length in bytes; `None` for all that follows.
    pub len: Option<u32>,
}

/// A session of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashSession {
    /// Its number in the region: later sessions have greater ones.
    pub number: u32,
    /// Length of its stream in bytes, what has been reclaimed of it included.
    pub bytes: u64,
    /// Its beginning has been reclaimed, but for its header.
    pub partial: bool,
    /// Blocks that it occupies.
    pub blocks: u32,
}

/// What an image tells of the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashInfo {
    /// Where the region lies in the file, and how it is divided.
    pub geometry: Geometry,
    /// Blocks that belong to a session.
    pub in_use: u32,
    /// Blocks that have been reclaimed, or whose records never became whole.
    pub free: u32,
    /// Blocks with nothing in them.
    pub erased: u32,
    /// Blocks whose header cannot be read: damaged, or being erased when power went.
    pub bad: u32,
    /// Bytes that can still be written, at least ([`FlashLog::room`]).
    pub room: u64,
    /// How often blocks have been erased.
    pub wear: Wear,
    /// What is damaged in the blocks in use.
    pub damage: Damage,
}

/// What a new image is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// Its size in bytes: a whole number of blocks.
    pub size: u32,
    /// The size of a block: what the device erases at once, or a multiple of it.
    pub block: u32,
    /// What the device's reads and writes are aligned to.
    pub unit: u16,
}

/// An image that is open for reading.
pub struct FlashImage {
    path: PathBuf,
    log: FlashLog<FileFlash>,
}

impl FlashImage {
    /// Opens the image in the file at `path`; the geometry is found from what stands in it.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] when no log is found there, [`Error::NotFound`], [`Error::NotASession`] for what is no regular
    /// file, [`Error::Io`].
    pub fn open(path: &Path, region: Region) -> Result<Self, Error> {
        let (file, metadata) = files::open_regular(path, Open::Read)?;
        let not_an_image = |reason: &str| Error::NotAnImage {
            path: path.into(),
            reason: reason.into(),
        };
        let len =
            u32::try_from(metadata.len()).map_err(|_| not_an_image("it is over 4 GiB long"))?;
        let end = match region.len {
            Some(len) => region.offset.checked_add(len),
            None => Some(len),
        };
        let end = end.filter(|end| *end <= len && region.offset < *end);
        let end = end.ok_or_else(|| not_an_image("the region goes beyond its end"))?;
        let mut flash = FileFlash::new(file, len);
        let found = Geometry::detect(&mut flash, region.offset..end);
        let geometry = found.map_err(|error| Error::io(path, "read")(error.0))?;
        let geometry = geometry.ok_or_else(|| {
            not_an_image("no block's header is found; of a dump, tell where the log's region lies and how long it is")
        })?;
        Self::mount(path, flash, geometry)
    }

    fn mount(path: &Path, flash: FileFlash, geometry: Geometry) -> Result<Self, Error> {
        let log = FlashLog::mount(flash, geometry, Options::default());
        Ok(FlashImage {
            path: path.into(),
            log: log.map_err(|error| failed(path, "read", error))?,
        })
    }

    /// Makes an image with an empty log in it, in a file that must not exist.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::NotAnImage`] when no log can have that size, [`Error::Io`].
    pub fn create(path: &Path, new: NewImage) -> Result<Self, Error> {
        let geometry = Geometry::with_unit(0..new.size, new.block, new.unit);
        let geometry = geometry.map_err(|error| Error::NotAnImage {
            path: path.into(),
            reason: match error {
                GeometryError::Range => "its size is no whole number of blocks".into(),
                other => other.to_string(),
            },
        })?;
        let file = files::create_new(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::ImageExists { path: path.into() },
            _ => Error::io(path, "create")(source),
        })?;
        let made = Self::format(path, file, geometry);
        if made.is_err() {
            let _ = fs::remove_file(path);
        }
        made
    }

    fn format(path: &Path, file: File, geometry: Geometry) -> Result<Self, Error> {
        let sized = file.set_len(u64::from(geometry.end()));
        sized.map_err(Error::io(path, "write"))?;
        let durable = file.try_clone().map_err(Error::io(path, "open"))?;
        let flash = FileFlash::new(file, geometry.end());
        let log = FlashLog::format(flash, geometry, Options::default());
        let log = log.map_err(|error| failed(path, "write", error))?;
        durable.sync_all().map_err(Error::io(path, "sync"))?;
        files::sync_dir(&files::dir_of(path))?;
        Ok(FlashImage {
            path: path.into(),
            log,
        })
    }

    /// The image's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at every block.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn info(&mut self) -> Result<FlashInfo, Error> {
        let path = self.path.clone();
        let failed = |error| failed(&path, "read", error);
        let mut info = FlashInfo {
            geometry: self.log.geometry(),
            in_use: 0,
            free: 0,
            erased: 0,
            bad: 0,
            room: self.log.room(),
            wear: self.log.wear(),
            damage: self.log.survey().map_err(failed)?,
        };
        for index in 0.. {
            let Some(block) = self.log.block(index).map_err(failed)? else {
                break;
            };
            match block.state {
                BlockState::InUse(_) => info.in_use += 1,
                BlockState::Free => info.free += 1,
                BlockState::Erased => info.erased += 1,
                BlockState::Bad => info.bad += 1,
            }
        }
        Ok(info)
    }

    /// The sessions, newest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sessions(&mut self) -> Result<Vec<FlashSession>, Error> {
        let mut found = vec![];
        let mut sessions = self.log.sessions();
        while let Some(info) = sessions
            .next()
            .map_err(|error| failed(&self.path, "read", error))?
        {
            found.push(FlashSession {
                number: info.id.number(),
                bytes: info.len,
                partial: info.partial,
                blocks: info.blocks,
            });
        }
        Ok(found)
    }

    /// Finds a session: `latest`, its number, its id or the beginning of its id; of several with one id, the newest.
    ///
    /// # Errors
    /// [`Error::NoSuchFlashSession`], [`Error::Ambiguous`], [`Error::Io`].
    pub fn find(&mut self, spec: &str) -> Result<FlashSession, Error> {
        let sessions = self.sessions()?;
        let none = || Error::NoSuchFlashSession {
            path: self.path.clone(),
            spec: spec.to_owned(),
        };
        if spec == crate::store::LATEST {
            return sessions.first().copied().ok_or_else(none);
        }
        if let Ok(number) = spec.parse::<u32>() {
            let named = sessions.iter().find(|session| session.number == number);
            if let Some(session) = named {
                return Ok(*session);
            }
        }
        let mut matches: Vec<(String, FlashSession)> = vec![];
        for session in sessions {
            let id = self.open_session(session.number)?.id();
            if id == spec {
                return Ok(session);
            }
            if id.starts_with(spec) && !spec.is_empty() {
                matches.push((id, session));
            }
        }
        match &matches[..] {
            [] => Err(Error::NoSuchFlashSession {
                path: self.path.clone(),
                spec: spec.to_owned(),
            }),
            [(_, session)] => Ok(*session),
            [(first, session), rest @ ..] if rest.iter().all(|(id, _)| id == first) => Ok(*session),
            several => Err(Error::Ambiguous {
                prefix: spec.to_owned(),
                matches: several.iter().take(5).map(|(id, _)| id.clone()).collect(),
                total: several.len(),
            }),
        }
    }

    /// Writes a session as the lines of a session's file. Of one whose beginning has been reclaimed these are its header,
    /// which says so (F9), and what is left.
    ///
    /// # Errors
    /// [`Error::NoSuchFlashSession`]; [`Error::Io`], also for writing to `out`.
    pub fn export(&mut self, number: u32, out: &mut dyn Write) -> Result<u64, Error> {
        let path = &self.path;
        let reading = |error| failed(path, "read", error);
        let mut sessions = self.log.sessions();
        let id = loop {
            match sessions.next().map_err(reading)? {
                Some(info) if info.id.number() == number => break info.id,
                Some(_) => {}
                None => {
                    return Err(Error::NoSuchFlashSession {
                        path: path.clone(),
                        spec: number.to_string(),
                    });
                }
            }
        };
        let mut session = self.log.session(id).map_err(reading)?;
        let mut written = 0;
        if session.base() > 0 {
            let header = first_line(&mut session).map_err(reading)?;
            out.write_all(&header).map_err(Error::io(path, "export"))?;
            written += header.len() as u64;
            let base = embedded_io::SeekFrom::Start(session.base());
            session.seek(base).map_err(reading)?;
        }
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let read = session.read(&mut chunk).map_err(reading)?;
            if read == 0 {
                return Ok(written);
            }
            out.write_all(&chunk[..read])
                .map_err(Error::io(path, "export"))?;
            written += read as u64;
        }
    }

    /// Reads a session whole.
    ///
    /// # Errors
    /// As of [`export`](Self::export) and [`SessionLog::open`].
    pub fn open_session(&mut self, number: u32) -> Result<SessionLog, Error> {
        let (file, bytes) = self.stream(number)?;
        SessionLog::read(self.path.clone(), file, bytes, |_, _| {})
    }

    /// Checks a session as [`verify()`](crate::verify()) does.
    ///
    /// # Errors
    /// As of [`open_session`](Self::open_session).
    pub fn verify_session(&mut self, number: u32) -> Result<(SessionLog, Verification), Error> {
        let (file, bytes) = self.stream(number)?;
        audited(&self.path.clone(), file, bytes, |_, _| {})
    }

    /// A session's stream, in a file without name.
    fn stream(&mut self, number: u32) -> Result<(File, u64), Error> {
        let path = self.path.clone();
        let copy =
            tempfile::tempfile().map_err(Error::io(&std::env::temp_dir(), "create a file in"))?;
        let mut out = BufWriter::new(copy);
        let bytes = self.export(number, &mut out)?;
        let copy = out.into_inner().map_err(io::IntoInnerError::into_error);
        Ok((copy.map_err(Error::io(&path, "export"))?, bytes))
    }
}

/// What a file that was opened as a session's is to be read from: itself, or the newest session of the image that it is.
pub(crate) fn session_in(path: &Path, file: File, len: u64) -> Result<(File, u64), Error> {
    if !is_image(&file, len).map_err(Error::io(path, "read"))? {
        return Ok((file, len));
    }
    let mut image = FlashImage::open(path, Region::default())?;
    let newest = image.find(crate::store::LATEST)?;
    image.stream(newest.number)
}

/// The file at `path` is an image from its first byte to its last.
///
/// # Errors
/// Those of opening and reading it.
pub fn is_image_at(path: &Path) -> Result<bool, Error> {
    let (file, metadata) = files::open_regular(path, Open::Read)?;
    is_image(&file, metadata.len()).map_err(Error::io(path, "read"))
}

/// A session's first byte is that of a line; only where it is none, a block's header is looked for.
pub(crate) fn is_image(file: &File, len: u64) -> io::Result<bool> {
    let mut first = [b'{'];
    read_at(file, &mut first, 0)?;
    let Ok(len) = u32::try_from(len) else {
        return Ok(false);
    };
    if b"{ \t\r\n".contains(&first[0]) {
        return Ok(false);
    }
    let mut flash = FileFlash::new(file.try_clone()?, len);
    let found = Geometry::detect(&mut flash, 0..len).map_err(|error| error.0)?;
    Ok(found.is_some())
}

/// An image is not written to as if it were a session's file.
pub(crate) fn refuse_image(path: &Path, file: &File) -> Result<(), Error> {
    let len = file.metadata().map_err(Error::io(path, "open"))?.len();
    match is_image(file, len).map_err(Error::io(path, "read"))? {
        true => Err(Error::ReadOnlyImage { path: path.into() }),
        false => Ok(()),
    }
}

/// The first line of a session that has lost its beginning: the copy of its header, or nothing.
fn first_line(session: &mut SessionReader<'_, FileFlash>) -> Result<Vec<u8>, LogError<FileError>> {
    let base = usize::try_from(session.base()).unwrap_or(usize::MAX);
    let mut line = vec![];
    let mut chunk = [0; 256];
    while line.len() < base {
        let read = session.read(&mut chunk)?;
        line.extend_from_slice(&chunk[..read]);
        if read == 0 || chunk[..read].contains(&b'\n') {
            break;
        }
    }
    line.truncate(base);
    let end = line.iter().position(|byte| *byte == b'\n');
    line.truncate(end.map_or(0, |end| end + 1));
    if line.iter().all(u8::is_ascii_whitespace) {
        line.clear();
    }
    Ok(line)
}

fn failed(path: &Path, op: &'static str, error: LogError<FileError>) -> Error {
    let source = match error {
        LogError::Flash(FileError(source)) => source,
        other => io::Error::other(other.to_string()),
    };
    Error::io(path, op)(source)
}
