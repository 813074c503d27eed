//! Which model is meant, and whether there is one at all (pure; agent.md 15).

use std::path::PathBuf;

use url::Url;

use super::wire::Wire;
use crate::secret::Secret;

/// What drives if nothing else is said.
const DEFAULT_NAME: &str = "claude-haiku-5-5";

/// What was said about models: options first, then the environment.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--model`: `[PROVIDER:]NAME`.
    pub model: Option<String>,
    /// `--base-url`.
    pub base_url: Option<String>,
    /// `ANTHROPIC_BASE_URL`.
    pub anthropic_base_url: Option<String>,
    /// `OPENAI_BASE_URL`.
    pub openai_base_url: Option<String>,
    /// `ANTHROPIC_API_KEY`.
    pub anthropic_key: Option<Secret<String>>,
    /// `OPENAI_API_KEY`.
    pub openai_key: Option<Secret<String>>,
    /// `HANDBACK_API_KEY_FILE`: a file with a key, whichever the provider. It goes before a key in the
    /// environment, which may be meant for other programs.
    pub key_file: Option<PathBuf>,
    /// `HANDBACK_CASSETTE`: `record:FILE` or `replay:FILE`.
    pub cassette: Option<String>,
}

/// The model that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How to talk to it.
    pub wire: Wire,
    /// Its name there.
    pub name: String,
    /// Where.
    pub base: Url,
    /// By what right.
    pub credentials: Credentials,
    /// Instead of, or beside, a connection.
    pub cassette: Option<Tape>,
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A server of one's own that asks for none.
    None,
    /// The key itself.
    Key(Secret<String>),
    /// A file with it, read again when the key is refused.
    File(PathBuf),
}

/// A cassette and what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tape {
    /// Ask the model, and write it all down here.
    Record(PathBuf),
    /// Ask nobody: answer from this file.
    Replay(PathBuf),
}

/// What was said cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChoice {
    /// A name without its provider.
    #[error(
        "the model {0:?} has no provider: write openai:{0} for a server that speaks OpenAI's chat completions, anthropic:{0} for Anthropic's Messages"
    )]
    Provider(String),
    /// A provider without a name.
    #[error("the model {0:?} has no name after its provider")]
    Name(String),
    /// A base URL that is none.
    #[error("the base URL {url:?} ({source_name}) is no http or https address{why}")]
    BaseUrl {
        /// As written.
        url: String,
        /// By what option or variable.
        source_name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A cassette that is neither.
    #[error("HANDBACK_CASSETTE={0:?}: write record:FILE or replay:FILE")]
    Cassette(String),
}

impl Settings {
    /// The model that is meant; `None` if none is configured: there are no credentials, no explicit
    /// base URL and no cassette to replay.
    ///
    /// # Errors
    /// If what was said makes no sense. Secrets are in no message.
    pub fn choose(&self) -> Result<Option<Choice>, BadChoice> {
        let Self {
            model,
            base_url,
            anthropic_base_url,
            openai_base_url,
            anthropic_key,
            openai_key,
            key_file,
            cassette,
        } = self;
        let (wire, name) = match said(model.as_deref()) {
            Some(model) => named(model)?,
            None => (Wire::Anthropic, DEFAULT_NAME),
        };
        let (variable, of_wire, key) = match wire {
            Wire::Anthropic => ("ANTHROPIC_BASE_URL", anthropic_base_url, anthropic_key),
            Wire::OpenAi => ("OPENAI_BASE_URL", openai_base_url, openai_key),
        };
        let explicit = said(base_url.as_deref())
            .map(|url| (url, "--base-url"))
            .or_else(|| said(of_wire.as_deref()).map(|url| (url, variable)));
        let base = explicit.unwrap_or_else(|| (wire.own_base(), "built in"));
        let base = address(base.0, base.1)?;
        let file = key_file.as_ref().filter(|file| !file.as_os_str().is_empty());
        let key = key.as_ref().filter(|key| !key.expose().trim().is_empty());
        let credentials = match (file, key) {
            (Some(file), _) => Credentials::File(file.clone()),
            (None, Some(key)) => Credentials::Key(key.clone()),
            (None, None) => Credentials::None,
        };
        let cassette = said(cassette.as_deref()).map(tape).transpose()?;
        let configured = credentials != Credentials::None
            || explicit.is_some()
            || matches!(cassette, Some(Tape::Replay(_)));
        let name = name.to_owned();
        Ok(configured.then_some(Choice { wire, name, base, credentials, cassette }))
    }
}

/// An empty variable is one that is not set.
fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// Only the two words are providers: names of models have colons too.
fn named(model: &str) -> Result<(Wire, &str), BadChoice> {
    for wire in [Wire::Anthropic, Wire::OpenAi] {
        let rest = model.strip_prefix(wire.as_str()).and_then(|rest| rest.strip_prefix(':'));
        match rest.map(str::trim) {
            Some("") => return Err(BadChoice::Name(model.to_owned())),
            Some(name) => return Ok((wire, name)),
            None => {}
        }
    }
    if model.starts_with("claude-") {
        return Ok((Wire::Anthropic, model));
    }
    Err(BadChoice::Provider(model.to_owned()))
}

fn address(text: &str, source_name: &'static str) -> Result<Url, BadChoice> {
    let bad = |shown: &str, why| BadChoice::BaseUrl { url: shown.to_owned(), source_name, why };
    let url = Url::parse(text).map_err(|_| bad(text, ""))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad(text, ""));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("…", ": it has a user or password in it, keys are given apart"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("…", ": it has a query or fragment, only a path can follow the host"));
    }
    Ok(url)
}

fn tape(text: &str) -> Result<Tape, BadChoice> {
    match text.split_once(':') {
        Some(("record", file)) if !file.is_empty() => Ok(Tape::Record(file.into())),
        Some(("replay", file)) if !file.is_empty() => Ok(Tape::Replay(file.into())),
        Some(_) | None => Err(BadChoice::Cassette(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn with_keys(model: &str) -> Settings {
        Settings {
            model: Some(model.to_owned()),
            anthropic_key: Some(secret("ant-key")),
            openai_key: Some(secret("oai-key")),
            ..Settings::default()
        }
    }

    #[track_caller]
    fn check(model: &str, wire: Wire, name: &str) {
        let choice = with_keys(model).choose().unwrap().unwrap();
        assert_eq!((choice.wire, choice.name.as_str()), (wire, name), "{model}");
    }

    #[test]
    fn a_provider_may_be_left_out_before_claude_only() {
        check("claude-opus-5-5", Wire::Anthropic, "claude-opus-5-5");
        check("anthropic:mine", Wire::Anthropic, "mine");
        check("openai:claude-x", Wire::OpenAi, "claude-x");
        check("openai:llama3:8b", Wire::OpenAi, "llama3:8b");
        check("", Wire::Anthropic, DEFAULT_NAME);
        for bad in ["llama3:8b", "gpt-5"] {
            assert_eq!(with_keys(bad).choose(), Err(BadChoice::Provider(bad.to_owned())));
        }
        assert_eq!(with_keys("openai:").choose(), Err(BadChoice::Name("openai:".to_owned())));
    }

    #[test]
    fn a_model_is_configured_by_a_key_a_base_url_or_a_cassette_to_replay() {
        let none = Settings::default();
        assert_eq!(none.choose(), Ok(None));
        assert_eq!(Settings { openai_key: Some(secret("k")), ..none.clone() }.choose(), Ok(None));
        assert_eq!(
            Settings { anthropic_key: Some(secret("  ")), ..none.clone() }.choose(),
            Ok(None)
        );
        let record = Settings { cassette: Some("record:a".to_owned()), ..none.clone() };
        assert_eq!(record.choose(), Ok(None));
        for settings in [
            Settings { anthropic_key: Some(secret("k")), ..none.clone() },
            Settings { key_file: Some("/run/key".into()), ..none.clone() },
            Settings { base_url: Some("http://127.0.0.1:1".to_owned()), ..none.clone() },
            Settings { anthropic_base_url: Some("http://127.0.0.1:1".to_owned()), ..none.clone() },
            Settings { cassette: Some("replay:a:b".to_owned()), ..none },
        ] {
            assert!(settings.choose().unwrap().is_some(), "{settings:?}");
        }
    }

    #[test]
    fn an_option_goes_before_the_environment_and_a_file_before_a_key() {
        let settings = Settings {
            base_url: Some("http://option".to_owned()),
            openai_base_url: Some("http://variable/v1".to_owned()),
            key_file: Some("/run/key".into()),
            ..with_keys("openai:x")
        };
        let choice = settings.choose().unwrap().unwrap();
        assert_eq!(choice.base.as_str(), "http://option/");
        assert_eq!(choice.credentials, Credentials::File("/run/key".into()));
        let settings = Settings { base_url: None, key_file: None, ..settings };
        let choice = settings.choose().unwrap().unwrap();
        assert_eq!(choice.base.as_str(), "http://variable/v1");
        assert_eq!(choice.credentials, Credentials::Key(Secret::new("oai-key".to_owned())));
        let settings = Settings { openai_base_url: None, ..settings };
        assert_eq!(settings.choose().unwrap().unwrap().base.as_str(), Wire::OpenAi.own_base());
    }

    #[test]
    fn addresses_and_cassettes_that_are_none_are_refused_and_secrets_not_shown() {
        for bad in ["ftp://x", "nonsense", "http://u:hunter2@x", "http://x/?key=hunter2"] {
            let settings = Settings { base_url: Some(bad.to_owned()), ..Settings::default() };
            let error = settings.choose().unwrap_err();
            assert!(matches!(error, BadChoice::BaseUrl { .. }), "{bad}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        for bad in ["play:x", "record:", "x"] {
            let settings = Settings { cassette: Some(bad.to_owned()), ..Settings::default() };
            assert_eq!(settings.choose(), Err(BadChoice::Cassette(bad.to_owned())));
        }
        assert!(!format!("{:?}", with_keys("openai:x")).contains("oai-key"));
    }

    #[test]
    fn endpoints_are_found_below_any_base() {
        let endpoint = |wire: Wire, base: &str| wire.endpoint(&Url::parse(base).unwrap());
        for (wire, base, expected) in [
            (Wire::Anthropic, Wire::Anthropic.own_base(), "https://api.anthropic.com/v1/messages"),
            (Wire::Anthropic, "http://x/v1/", "http://x/v1/messages"),
            (Wire::Anthropic, "http://x/proxy", "http://x/proxy/v1/messages"),
            (Wire::OpenAi, Wire::OpenAi.own_base(), "https://api.openai.com/v1/chat/completions"),
            (Wire::OpenAi, "http://x:8080/v1/", "http://x:8080/v1/chat/completions"),
        ] {
            assert_eq!(endpoint(wire, base).as_str(), expected);
        }
    }
}
