//! Files of the run, read in pieces and summed on the way: what is sent is what is summed.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::super::store;

/// Length and SHA-256 (lower-case hexadecimal) of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Sum {
    /// Of bytes in memory.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: store::hex(&Sha256::digest(bytes)) }
    }
}

/// A file that is read from front to back. Every method blocks.
pub(super) struct Reader {
    file: fs::File,
    length: u64,
    hash: Sha256,
    read: u64,
}

impl Reader {
    /// Opens a file of the run directory, never through a link.
    pub(super) fn open(directory: &Path, path: &str) -> io::Result<Self> {
        let file = store::open(directory, &directory.join(path))?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, hash: Sha256::new(), read: 0 })
    }

    /// Its length when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The next `size` bytes; fewer only at the end, none after it.
    pub(super) fn next(&mut self, size: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.length.saturating_sub(self.read)).unwrap_or(usize::MAX);
        let mut piece = Vec::with_capacity(size.min(left));
        self.file.by_ref().take(size as u64).read_to_end(&mut piece)?;
        self.hash.update(&piece);
        self.read += piece.len() as u64;
        Ok(piece.into())
    }

    /// Of all that was read so far.
    pub(super) fn sum(self) -> Sum {
        Sum { bytes: self.read, sha256: store::hex(&self.hash.finalize()) }
    }

    /// Of the whole file, without keeping any of it.
    pub(super) fn sum_all(mut self) -> io::Result<Sum> {
        let (bytes, sha256) = store::sum(&mut self.file)?;
        Ok(Sum { bytes, sha256 })
    }
}

/// Complete lines from `from` on: about `wanted` bytes, and a longer line alone up to `most` bytes.
/// Nothing if there is no complete line or no such file. Blocks.
pub(super) fn lines(
    directory: &Path,
    path: &str,
    from: u64,
    wanted: usize,
    most: usize,
) -> io::Result<Bytes> {
    let mut file = match store::open(directory, &directory.join(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Bytes::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut piece = Vec::new();
    file.by_ref().take(wanted as u64).read_to_end(&mut piece)?;
    let mut end = piece.iter().rposition(|&byte| byte == b'\n');
    if end.is_none() && piece.len() >= wanted {
        file.take(most.saturating_sub(wanted) as u64).read_to_end(&mut piece)?;
        end = piece.iter().position(|&byte| byte == b'\n');
    }
    piece.truncate(end.map_or(0, |end| end + 1));
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, from: u64, expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("e"), text).unwrap();
        let found = lines(directory.path(), "e", from, 8, 20).unwrap();
        assert_eq!(std::str::from_utf8(&found).unwrap(), expected, "{text:?} from {from}");
    }

    #[test]
    fn only_complete_lines_are_taken_and_long_ones_alone() {
        check("", 0, "");
        check("one\ntwo\n", 0, "one\ntwo\n");
        check("one\ntwo\nthree\n", 0, "one\ntwo\n");
        check("one\ntwo\nthree\n", 8, "three\n");
        check("one\ntw", 0, "one\n");
        check("one", 0, "");
        check("a line of 18 bytes\nnext\n", 0, "a line of 18 bytes\n");
        check("a line of more than twenty bytes\n", 0, "");
        let directory = tempfile::tempdir().unwrap();
        assert!(lines(directory.path(), "absent", 0, 8, 20).unwrap().is_empty());
    }

    #[test]
    fn pieces_and_their_sum_are_the_file() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("f"), "hello").unwrap();
        let mut reader = Reader::open(directory.path(), "f").unwrap();
        assert_eq!(reader.length(), 5);
        let pieces: Vec<_> = (0..4).map(|_| reader.next(2).unwrap()).collect();
        assert_eq!(pieces, ["he", "ll", "o", ""]);
        let whole = Reader::open(directory.path(), "f").unwrap().sum_all().unwrap();
        assert_eq!(reader.sum(), whole);
        assert_eq!(whole, Sum::of(b"hello"));
        assert!(Reader::open(directory.path(), "../f").is_err());
    }
}
