//! A flash image on the host.

use embedded_io::{Read, Seek, SeekFrom};
use embedded_storage::nor_flash::{ErrorType, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use sessionlog_core::flash::{FlashLog, Geometry, Options};

struct Image(Vec<u8>);

#[derive(Clone, Copy, Debug)]
struct OutOfBounds;

impl NorFlashError for OutOfBounds {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl ErrorType for Image {
    type Error = OutOfBounds;
}

impl ReadNorFlash for Image {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        let from = self.0.get(offset as usize..).ok_or(OutOfBounds)?;
        bytes.copy_from_slice(from.get(..bytes.len()).ok_or(OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

/// The bytes of the newest session; none when the image holds no log.
pub(crate) fn newest_session(image: Vec<u8>) -> crate::Result<Vec<u8>> {
    let len = u32::try_from(image.len())?;
    let mut image = Image(image);
    let geometry = Geometry::detect(&mut image, 0..len).map_err(|_| "the image cannot be read")?;
    let Some(geometry) = geometry else {
        return Ok(Vec::new());
    };
    let mut log = FlashLog::mount(image, geometry, Options::default())
        .map_err(|error| format!("the image cannot be mounted: {error}"))?;
    let mut session = vec![0; usize::try_from(log.len())?];
    let mut read = log
        .seek(SeekFrom::Start(0))
        .map(|_| 0)
        .map_err(|error| error.to_string())?;
    while read < session.len() {
        match log.read(&mut session[read..]) {
            Ok(0) => return Err("the session ends early".into()),
            Ok(count) => read += count,
            Err(error) => return Err(error.to_string().into()),
        }
    }
    Ok(session)
}
