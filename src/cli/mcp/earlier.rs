//! Runs that were before, by their ids: directories below `<out>` that outlive the server.

use std::{fs, io::Read as _, path::Path};

use crate::{agent::assignment::Refusal, pod::contract::Exit};

/// One more than a plan may have, so that too long a one is told apart.
const LIMIT: u64 = (256 << 10) + 1;

/// The plan of an earlier run as it was run, placeholders kept.
///
/// # Errors
/// `unknown_run`.
pub(super) fn plan(out: &Path, id: &str) -> Result<String, Refusal> {
    let path = directory(out, id)?.join("plan.md");
    let mut text = String::new();
    fs::File::open(&path)
        .and_then(|file| file.take(LIMIT).read_to_string(&mut text))
        .map_err(|error| unknown(out, id, &format!(" with a plan ({error})")))?;
    Ok(text)
}

/// Where this run is.
///
/// # Errors
/// `unknown_run`.
pub(super) fn directory(out: &Path, id: &str) -> Result<std::path::PathBuf, Refusal> {
    // Ids are ULIDs, or a uid with the number of an attempt: never a path.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let path = out.join(id);
    if id.is_empty() || !id.chars().all(plain) || !path.is_dir() {
        return Err(unknown(out, id, ""));
    }
    Ok(path)
}

fn unknown(out: &Path, id: &str, what: &str) -> Refusal {
    Refusal {
        exit: Exit::Usage,
        code: "unknown_run".to_owned(),
        message: format!(
            "There is no run {id:?}{what} in {}. Every test returns its run_id.",
            out.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_id_and_by_nothing_else() {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir_all(out.path().join("01k")).unwrap();
        fs::create_dir_all(out.path().join("empty")).unwrap();
        fs::write(out.path().join("01k/plan.md"), "Verify \"x\" is visible").unwrap();
        assert_eq!(plan(out.path(), "01k").unwrap(), "Verify \"x\" is visible");
        for id in ["", ".", "..", "../x", "01K", "/etc", "01k/", "01l", "empty"] {
            assert_eq!(plan(out.path(), id).unwrap_err().code, "unknown_run", "{id}");
        }
    }
}
