//! Files that may be uploaded: those of the run's directory, and a few that are always there.
//!
//! # Guarantees
//! - Nothing outside the directory is read, whatever a name or a link says.
//! - The browser never sees a path: it gets bytes.

use std::{
    fmt::Write as _,
    io::{self, Cursor},
    path::{Component, Path, PathBuf},
};

use image::{ImageFormat, Rgb, RgbImage};

/// All files of one upload together (snapshot.md 4.3).
pub(crate) const MOST_BYTES: u64 = 32 << 20;
/// What a name of a file that is always there begins with.
const FIXTURE: &str = "fixture:";
/// Those that there are.
const FIXTURES: [&str; 5] = ["png", "jpg", "pdf", "csv", "txt"];
/// Size of the pictures among them, in pixels.
const PICTURE: (u32, u32) = (64, 48);
/// How many names are told when one is not there.
const TOLD: usize = 5;

/// Media types by ending; anything else is bytes.
const TYPES: [(&str, &str); 24] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("gif", "image/gif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "text/xml"),
    ("zip", "application/zip"),
];

/// Where files for uploads come from.
#[derive(Clone, Debug, Default)]
pub struct Files {
    directory: Option<PathBuf>,
}

/// A file to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Without directories.
    pub(crate) name: String,
    /// Its media type, by its ending.
    pub(crate) media_type: &'static str,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

/// A file that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// There is none of this name.
    #[error("there is no file {name:?}{}", also(.closest))]
    NotFound {
        /// As asked for.
        name: String,
        /// Names that there are, the nearest first.
        closest: Vec<String>,
    },
    /// It lies elsewhere.
    #[error("{name:?} is not within the run's directory of files")]
    Outside {
        /// As asked for.
        name: String,
    },
    /// There is no directory of files.
    #[error("there is no file {name:?}: the run has no directory of files, see --files; {} are always there", fixtures().join(", "))]
    NoDirectory {
        /// As asked for.
        name: String,
    },
    /// More than is handed over.
    #[error("the files have more than {} MiB together", MOST_BYTES >> 20)]
    TooLarge,
    /// It is there and cannot be read.
    #[error("the file {name:?} cannot be read: {source}")]
    Unreadable {
        /// As asked for.
        name: String,
        /// Why.
        source: io::Error,
    },
}

fn also(closest: &[String]) -> String {
    if closest.is_empty() { String::new() } else { format!("; there are: {}", closest.join(", ")) }
}

fn fixtures() -> Vec<String> {
    FIXTURES.iter().map(|ending| format!("{FIXTURE}{ending}")).collect()
}

impl Files {
    /// Files of this directory, if there is one.
    pub fn new(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    /// Reads all of them, or says which cannot be had.
    pub(crate) async fn read(&self, names: &[&str]) -> Result<Vec<File>, FileError> {
        let mut files = Vec::new();
        let mut left = MOST_BYTES;
        for name in names {
            let file = match name.strip_prefix(FIXTURE) {
                Some(ending) => fixture(ending).ok_or_else(|| FileError::NotFound {
                    name: (*name).to_owned(),
                    closest: fixtures(),
                })?,
                None => self.one(name, left).await?,
            };
            let size = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
            left = left.checked_sub(size).ok_or(FileError::TooLarge)?;
            files.push(file);
        }
        Ok(files)
    }

    async fn one(&self, name: &str, most: u64) -> Result<File, FileError> {
        let named = || name.to_owned();
        let outside = || FileError::Outside { name: named() };
        let Some(directory) = &self.directory else {
            return Err(FileError::NoDirectory { name: named() });
        };
        let path = Path::new(name);
        if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(outside());
        }
        let unreadable = |source| FileError::Unreadable { name: named(), source };
        let root = tokio::fs::canonicalize(directory).await.map_err(unreadable)?;
        let real = match tokio::fs::canonicalize(root.join(path)).await {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FileError::NotFound { name: named(), closest: nearby(&root).await });
            }
            Err(source) => return Err(unreadable(source)),
        };
        // A link may lead anywhere.
        if !real.starts_with(&root) {
            return Err(outside());
        }
        let about = tokio::fs::metadata(&real).await.map_err(unreadable)?;
        if !about.is_file() {
            return Err(FileError::NotFound { name: named(), closest: nearby(&root).await });
        }
        if about.len() > most {
            return Err(FileError::TooLarge);
        }
        let bytes = tokio::fs::read(&real).await.map_err(unreadable)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let media_type = media_type(&name);
        Ok(File { name, media_type, bytes })
    }
}

/// Some files of a directory.
async fn nearby(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(mut entries) = tokio::fs::read_dir(directory).await else { return names };
    while let Ok(Some(entry)) = entries.next_entry().await {
        if entry.file_type().await.is_ok_and(|kind| kind.is_file()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names.truncate(TOLD);
    names
}

fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = TYPES.iter().find(|(known, _)| Some(*known) == ending.as_deref());
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// Whether a file may be given to an input with this `accept` (HTML, 4.10.5.1.18): endings, media
/// types and their wildcards, separated by commas.
pub(crate) fn accepted(accept: &str, file: &File) -> bool {
    let mut wanted =
        accept.split(',').map(|one| one.trim().to_ascii_lowercase()).filter(|one| !one.is_empty());
    let name = file.name.to_ascii_lowercase();
    let one = |want: String| match want.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => file.media_type.split('/').next() == Some(kind),
        None if want.starts_with('.') => name.ends_with(&want),
        None => file.media_type == want,
    };
    match wanted.next() {
        None => true,
        Some(first) => one(first) || wanted.any(one),
    }
}

/// A file that is always there: small, and really what its ending says.
fn fixture(ending: &str) -> Option<File> {
    let bytes = match ending {
        "png" => picture(ImageFormat::Png)?,
        "jpg" => picture(ImageFormat::Jpeg)?,
        "pdf" => pdf().into_bytes(),
        "csv" => b"name,amount\nAda,1\nBob,2\n".to_vec(),
        "txt" => b"A file to upload.\n".to_vec(),
        _ => return None,
    };
    let name = format!("fixture.{ending}");
    let media_type = media_type(&name);
    Some(File { name, media_type, bytes })
}

fn picture(format: ImageFormat) -> Option<Vec<u8>> {
    let (width, height) = PICTURE;
    let shade = |x: u32| u8::try_from(x * 4).unwrap_or(u8::MAX);
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([shade(x), shade(y), 128]));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).ok()?;
    Some(bytes.into_inner())
}

/// One page with one line, and a table of where its objects begin.
fn pdf() -> String {
    let line = "BT /F1 18 Tf 36 100 Td (A file to upload) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 144] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{line}\nendstream", line.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut text = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (index, object) in objects.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{:010} 00000 n ", text.len());
        let _ = write!(text, "{} 0 obj\n{object}\nendobj\n", index + 1);
    }
    let (size, start) = (objects.len() + 1, text.len());
    let _ = write!(
        text,
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn file(name: &str) -> File {
        File { name: name.to_owned(), media_type: media_type(name), bytes: Vec::new() }
    }

    #[test]
    fn an_input_accepts_endings_types_and_wildcards() {
        for (accept, name, expected) in [
            ("", "a.exe", true),
            (" , ", "a.exe", true),
            (".PDF", "a.pdf", true),
            (".pdf,.doc", "a.doc", true),
            (".pdf", "a.png", false),
            ("image/*", "a.JPG", true),
            ("image/*", "a.pdf", false),
            ("image/png, text/csv", "a.csv", true),
            ("image/png", "a.jpg", false),
            ("*/*", "a.exe", true),
        ] {
            assert_eq!(accepted(accept, &file(name)), expected, "{accept:?} {name}");
        }
    }

    #[test]
    fn the_types_are_sorted_so_that_none_is_there_twice() {
        assert!(TYPES.is_sorted());
    }

    #[test]
    fn a_fixture_is_what_its_ending_says() {
        for (ending, begins) in [
            ("png", &b"\x89PNG"[..]),
            ("jpg", b"\xff\xd8\xff"),
            ("pdf", b"%PDF-1"),
            ("csv", b"name,"),
            ("txt", b"A file"),
        ] {
            let made = fixture(ending).unwrap();
            assert!(made.bytes.starts_with(begins), "{ending}");
        }
        let text = pdf();
        let start: usize = text.lines().rev().nth(1).unwrap().parse().unwrap();
        assert!(text[start..].starts_with("xref"), "the table is where the end says");
        assert_eq!(fixture("exe"), None);
    }

    #[tokio::test]
    async fn only_files_within_the_directory_are_read() {
        let house = tempfile::tempdir().unwrap();
        let inside = house.path().join("files");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::write(house.path().join("secret.txt"), "no").unwrap();
        std::fs::write(inside.join("a.txt"), "yes").unwrap();
        std::fs::write(inside.join("sub/b.csv"), "1").unwrap();
        symlink(house.path().join("secret.txt"), inside.join("link.txt")).unwrap();
        symlink(inside.join("a.txt"), inside.join("twin.txt")).unwrap();
        let files = Files::new(Some(inside.clone()));
        let told = async |name: &str| match files.read(&[name]).await {
            Ok(read) => format!("{} {}", read[0].name, String::from_utf8_lossy(&read[0].bytes)),
            Err(error) => error.to_string(),
        };
        assert_eq!(told("a.txt").await, "a.txt yes");
        assert_eq!(told("./sub/b.csv").await, "b.csv 1");
        assert_eq!(told("twin.txt").await, "twin.txt yes");
        let absolute = inside.join("a.txt").display().to_string();
        for outside in ["../secret.txt", "sub/../../secret.txt", "link.txt", &absolute] {
            assert!(told(outside).await.contains("not within"), "{outside}");
        }
        assert_eq!(told("none.txt").await, "there is no file \"none.txt\"; there are: a.txt");
        assert!(told("sub").await.contains("there is no file"));
        assert!(told("fixture:exe").await.contains("fixture:png"));
        let none = Files::default().read(&["a.txt"]).await.unwrap_err();
        assert!(none.to_string().contains("--files"), "{none}");
        assert_eq!(Files::default().read(&["fixture:txt"]).await.unwrap()[0].name, "fixture.txt");
    }

    #[tokio::test]
    async fn more_than_32_mib_are_refused_without_being_read() {
        let house = tempfile::tempdir().unwrap();
        let large = std::fs::File::create(house.path().join("large.zip")).unwrap();
        large.set_len(MOST_BYTES).unwrap();
        let files = Files::new(Some(house.path().to_owned()));
        assert_eq!(files.read(&["large.zip"]).await.unwrap().len(), 1);
        let two = files.read(&["large.zip", "fixture:txt"]).await;
        assert!(matches!(two, Err(FileError::TooLarge)));
    }
}
