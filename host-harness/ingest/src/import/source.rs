//! Where a file's bytes come from: a path or standard input, plain or packed.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::read::MultiGzDecoder;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use appsec_grant::files::{open_regular, too_large};

/// Bytes handed to a connector at one time: enough that a call's own cost does
/// not matter, little enough that a sandbox never holds much.
pub(super) const PIECE_BYTES: usize = 512 << 10;

/// Bytes of standard input that are kept until they are read a second time, on
/// the disk of temporary files: ten times the largest report that was seen.
pub(super) const MAX_STREAM_BYTES: u64 = 8 << 30;

/// Pieces that are read before they are taken.
const PIECES_AHEAD: usize = 1;

/// Memory that unpacking may take, as a power of two: 64 MiB. Files packed for
/// more (`zstd --ultra --long`) are refused.
const ZSTD_WINDOW_LOG: u32 = 26;

/// A file that can be read from its beginning more than once.
pub(super) struct Source {
    file: File,
    packing: Packing,
    packed_bytes: u64,
    /// Bytes of it read so far, packed.
    position: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Source {
    /// Opens a file. Standard input, `-`, is copied to a nameless file first,
    /// since it is read twice; more of it than the limit is refused.
    pub fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let mut file = match path == Path::new("-") {
            true => spooled(io::stdin().lock(), limit)?,
            false => open_input(path)?,
        };
        let packed_bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(0))?;
        let mut start = Vec::new();
        (&mut file).take(4).read_to_end(&mut start)?;
        let packing = match start.as_slice() {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
            _ => Packing::None,
        };
        Ok(Self { file, packing, packed_bytes, position: Arc::default() })
    }

    /// Size of the file as it lies there.
    pub fn packed_bytes(&self) -> u64 {
        self.packed_bytes
    }

    /// How much of it the last reader has read.
    pub fn position(&self) -> Arc<AtomicU64> {
        self.position.clone()
    }

    /// Its content from the beginning. One reader at a time: they share the
    /// file's position.
    pub fn content(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        self.position.store(0, Ordering::Relaxed);
        let counted = Counted { file, position: self.position.clone() };
        Ok(match self.packing {
            Packing::None => Box::new(counted),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, counted))),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(counted)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}

/// Opens a file that is to be taken in. It is read twice, so that a stream is
/// read by another name.
pub fn open_input(path: &Path) -> io::Result<File> {
    open_regular(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => io::Error::new(error.kind(), format!("{error}; `-` reads standard input")),
        _ => error,
    })
}

/// A stream as a nameless file.
fn spooled(stream: impl Read, limit: u64) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let copied = io::copy(&mut stream.take(limit.saturating_add(1)), &mut file)?;
    file.flush()?;
    if copied > limit { Err(too_large(limit)) } else { Ok(file) }
}

/// The content of a file, plain or packed, up to one byte more than a limit.
pub fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    Source::open(path, limit)?.content()?.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    Ok(content)
}

/// The name of a file for messages: without folders.
pub(super) fn file_name(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.file_name()
        .map_or_else(|| PathBuf::from(path).display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// A content on its way from the disk: read and hashed on a thread of its own,
/// some pieces ahead of whoever takes them.
pub(super) struct Pieces {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    hash: JoinHandle<blake3::Hash>,
}

impl Pieces {
    pub fn of(source: &Source) -> io::Result<Self> {
        let mut content = source.content()?;
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let read = move || {
            let mut hasher = blake3::Hasher::new();
            loop {
                let mut piece = Vec::with_capacity(PIECE_BYTES);
                let read = next_piece(&mut content, &mut piece);
                hasher.update(&piece);
                let is_last = read.is_err() || piece.is_empty();
                // At the end, and where nobody takes them any more.
                if sender.blocking_send(read.map(|()| piece)).is_err() || is_last {
                    return hasher.finalize();
                }
            }
        };
        Ok(Self { pieces, hash: spawn_blocking(read) })
    }

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.pieces.recv().await.transpose()?.filter(|piece| !piece.is_empty()))
    }

    /// The hash of what was read: what a content is known by, in both passes.
    pub async fn hash(self) -> io::Result<blake3::Hash> {
        drop(self.pieces);
        Ok(self.hash.await?)
    }
}

/// Fills a piece as far as the content goes. An empty one is the end.
pub(super) fn next_piece(content: &mut dyn Read, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.clear();
    content.take(PIECE_BYTES as u64).read_to_end(piece)?;
    Ok(())
}

struct Counted {
    file: File,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};

    use super::{Source, next_piece, spooled};

    fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(packed)?;
        let source = Source::open(file.path(), u64::MAX)?;
        let mut whole = Vec::new();
        // Twice: a file is read in two passes.
        for _ in 0..2 {
            whole.clear();
            let mut content = source.content()?;
            let mut piece = Vec::new();
            loop {
                next_piece(&mut content, &mut piece)?;
                if piece.is_empty() {
                    break;
                }
                whole.extend_from_slice(&piece);
            }
        }
        Ok(whole)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_packed_files_have_the_same_content() {
        let text = "a line of a report\n".repeat(100_000).into_bytes();
        assert_eq!(unpack(&text).unwrap(), text);
        assert_eq!(unpack(&zstd::encode_all(text.as_slice(), 1).unwrap()).unwrap(), text);
        assert_eq!(unpack(&gzip(&text)).unwrap(), text);
        // Files that were joined are one file.
        let joined = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(unpack(&joined).unwrap(), b"one two");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_no_file_to_import() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), std::path::Path::new("/dev/zero")] {
            let error = Source::open(path, u64::MAX).err().unwrap();
            assert_eq!(error.to_string(), "it is a pipe or a device, and no regular file; `-` reads standard input");
        }
    }

    #[test]
    fn a_stream_without_an_end_is_not_kept() {
        let error = spooled(io::repeat(b'x'), 1000).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 1000 bytes");
        assert_eq!(spooled(io::repeat(b'x').take(1000), 1000).unwrap().metadata().unwrap().len(), 1000);
    }

    #[test]
    fn a_packed_file_that_is_cut_off_is_an_error() {
        let text = "0123456789".repeat(10_000).into_bytes();
        for packed in [gzip(&text), zstd::encode_all(text.as_slice(), 1).unwrap()] {
            let cut = &packed[..packed.len() / 2];
            unpack(cut).unwrap_err();
        }
    }
}
