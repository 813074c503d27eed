//! The file of profiles that the chart writes, read with words about what is wrong and where.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::profile::Profiles;
use crate::policy::Policy;

/// The profiles cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProfilesError {
    /// The file cannot be read.
    #[error("reading the profiles {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what profiles are.
    #[error("{path}: {problem}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        problem: String,
    },
}

/// Reads them; an empty file has none.
pub(super) fn read(path: &Path) -> Result<Profiles, ProfilesError> {
    let read = |source| ProfilesError::Read { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(read)?;
    parse(&text).map_err(|problem| ProfilesError::Wrong { path: path.to_owned(), problem })
}

fn parse(text: &str) -> Result<Profiles, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    let read = serde_saphyr::from_str_with_options(text, options);
    let profiles: Option<Profiles> =
        read.map_err(|error: serde_saphyr::Error| error.without_snippet().to_string())?;
    let profiles = profiles.unwrap_or_default();
    for (index, profile) in profiles.profiles.iter().enumerate() {
        for (field, hosts) in [
            ("allowedHosts", &profile.policy.allowed_hosts),
            ("deniedHosts", &profile.policy.denied_hosts),
        ] {
            for (at, host) in hosts.iter().enumerate() {
                Policy::new(std::slice::from_ref(host), &[]).map_err(|_| {
                    format!(
                        "profiles[{index}].policy.{field}[{at}]: {host:?} is neither a host name, nor \
                         `*.` and a suffix, an address, or a network like 10.0.0.0/8"
                    )
                })?;
            }
        }
    }
    Ok(profiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_anything_in_it_has_no_profiles() {
        for text in ["", "# nothing yet\n", "{}", "profiles: []"] {
            assert_eq!(parse(text), Ok(Profiles::default()), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, words) in [
            ("profiles:\n- limits:\n    maxSecond: 60\n", &["line 3", "maxSecond"][..]),
            ("profiles:\n- limits: {maxSeconds: soon}\n", &["line 2, column 24", "i32"]),
            ("profiles:\n- policy: {dialogs: Maybe}\n", &["line 2", "Maybe"]),
            ("profiles:\n  - [\n", &["line"]),
            ("profiles: 7", &["line 1"]),
            (
                "profiles:\n- {}\n- policy: {deniedHosts: [a.example, 'http://b']}\n",
                &["profiles[1].policy.deniedHosts[1]", "http://b", "10.0.0.0/8"],
            ),
        ] {
            let problem = parse(text).unwrap_err();
            for word in words {
                assert!(problem.contains(word), "{word} is not in {problem:?}");
            }
            assert!(!problem.contains('\n'), "one line: {problem:?}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = read(Path::new("/nowhere/profiles.yaml")).unwrap_err();
        assert_eq!(error.to_string(), "reading the profiles /nowhere/profiles.yaml");
    }
}
