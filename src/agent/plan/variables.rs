//! Variables: `{{NAME}}`, filled in when a step is executed (agent.md 2.3).
//!
//! A value is put in once and literally: it is never scanned again and, since the plan is parsed by
//! then, it can make no header, clause or quote. `\{{NAME}}` is the text `{{NAME}}`; of more
//! backslashes before it each two are one.

mod fill;
mod placeholders;

use std::collections::BTreeMap;

use url::Url;

use super::{Plan, forms::distance};
use crate::{redact::Registered, secret::Secret};

pub(super) use placeholders::names;

/// Names that get a value while the run goes on: the run's mail address, and the code and the link of
/// the latest mail that had one.
const ADDRESS: &str = "temp_email";
const CODE: &str = "code";
const LINK: &str = "mail_link";
const RUN_TIME: [&str; 3] = [ADDRESS, CODE, LINK];
/// Shorter secrets would be found, and replaced, in every other text.
const SHORTEST_SECRET: usize = 4;

/// A secret variable as it was given.
#[derive(Clone, Debug)]
pub struct SecretVariable {
    /// Its name in the plan.
    pub name: String,
    /// Its value.
    pub value: Secret<String>,
    /// Origins that may receive it besides the run URL's and those of the plan's hosts.
    pub origins: Vec<String>,
}

/// Values for placeholders.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    plain: BTreeMap<String, String>,
    secrets: BTreeMap<String, Held>,
    /// Origins that may receive every secret.
    origins: Vec<String>,
    /// What a plan calls the home page.
    run_url: Option<String>,
}

#[derive(Clone, Debug)]
struct Held {
    value: Secret<String>,
    origins: Vec<String>,
}

/// A variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Not `[A-Za-z_][A-Za-z0-9_.-]*`.
    #[error("{name:?} is no name of a variable: use letters, digits, `_`, `.` and `-`")]
    Name {
        /// As given.
        name: String,
    },
    /// Given twice, or as variable and secret.
    #[error("the variable {name} is given more than once")]
    Repeated {
        /// The name.
        name: String,
    },
    /// The runner gives it its value.
    #[error("{name} gets its value during the run: choose another name")]
    Reserved {
        /// The name.
        name: String,
    },
    /// Under four bytes.
    #[error(
        "the secret {name} has less than {SHORTEST_SECRET} bytes: it could not be kept out of other texts"
    )]
    Short {
        /// The name.
        name: String,
    },
    /// Not `https://host[:port]`.
    #[error("{origin:?}, given with the secret {name}, is no origin like https://app.example")]
    Origin {
        /// The secret's name.
        name: String,
        /// As given.
        origin: String,
    },
}

impl Variables {
    /// Checks names, values and origins; reports every one that is wrong.
    pub fn new(
        plain: Vec<(String, String)>,
        secrets: Vec<SecretVariable>,
    ) -> Result<Self, Vec<VariableError>> {
        let mut made = Self::default();
        let mut errors = Vec::new();
        for (name, value) in plain {
            errors.extend(made.refuse(&name));
            made.plain.insert(name, value);
        }
        for SecretVariable { name, value, origins } in secrets {
            errors.extend(made.refuse(&name));
            if value.expose().len() < SHORTEST_SECRET {
                errors.push(VariableError::Short { name: name.clone() });
            }
            let mut checked = Vec::new();
            for origin in origins {
                match origin_of(&origin) {
                    Some(good) => checked.push(good),
                    None => errors.push(VariableError::Origin { name: name.clone(), origin }),
                }
            }
            made.secrets.insert(name, Held { value, origins: checked });
        }
        if errors.is_empty() { Ok(made) } else { Err(errors) }
    }

    fn refuse(&self, name: &str) -> Option<VariableError> {
        let name = name.to_owned();
        if !placeholders::is_name(&name) {
            Some(VariableError::Name { name })
        } else if RUN_TIME.contains(&name.as_str()) {
            Some(VariableError::Reserved { name })
        } else if self.plain.contains_key(&name) || self.secrets.contains_key(&name) {
            Some(VariableError::Repeated { name })
        } else {
            None
        }
    }

    /// Makes the run URL the home page, and lets every secret go to the run URL's origin and to the https origin of each host that the
    /// plan names.
    #[must_use = "without it secrets go only to the origins given with them"]
    pub fn released_to(mut self, run_url: &Url, plan: &Plan) -> Self {
        self.run_url = Some(run_url.to_string());
        self.origins = vec![run_url.origin().ascii_serialization()];
        self.origins
            .extend(plan.hosts.iter().filter_map(|host| origin_of(&format!("https://{host}"))));
        self
    }

    /// The run has this mail address now.
    pub fn set_address(&mut self, address: String) {
        self.plain.insert(ADDRESS.to_owned(), address);
    }

    /// This code has come by mail. It may be given to whom every secret may be given.
    pub fn set_code(&mut self, code: Secret<String>) {
        self.secrets.insert(CODE.to_owned(), Held { value: code, origins: Vec::new() });
    }

    /// This link has come by mail. Whoever it leads to knows it already.
    pub fn set_link(&mut self, link: Secret<String>) {
        let own = Url::parse(link.expose()).ok().map(|url| url.origin().ascii_serialization());
        let origins = own.into_iter().collect();
        self.secrets.insert(LINK.to_owned(), Held { value: link, origins });
    }

    /// Whether a plan may use this name.
    pub fn knows(&self, name: &str) -> bool {
        self.plain.contains_key(name) || self.secrets.contains_key(name) || RUN_TIME.contains(&name)
    }

    /// The names and values that are no secrets.
    pub fn plain(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plain.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names of those that are secrets.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }

    /// The secrets, for the redactor.
    pub fn registered(&self) -> Vec<Registered> {
        let one = |(name, held): (&String, &Held)| Registered {
            value: held.value.clone(),
            placeholder: Some(format!("{{{{{name}}}}}")),
        };
        self.secrets.iter().map(one).collect()
    }

    /// The known name that was probably meant.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        let known = self.plain.keys().chain(self.secrets.keys()).map(String::as_str);
        let near =
            known.map(|known| (distance(&known.to_lowercase(), &name.to_lowercase()), known));
        near.filter(|(far, _)| *far <= 2).min().map(|(_, known)| known)
    }
}

/// `https://app.example:8443/` as browsers spell the origin; `None` if there is more to it.
fn origin_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    bare.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests;
