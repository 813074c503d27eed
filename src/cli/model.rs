//! `--model` and what belongs to it, and the keys, which come from the environment or a file.

use std::{env, fs, path::PathBuf};

use crate::{
    agent::{
        assignment::{Extensions, ModelWish},
        tools::TOOLS,
    },
    model::{
        choice::{Choice, Settings},
        retry::Patience,
    },
    secret::Secret,
};

/// A file of models and prices beside those that are built in.
const TABLE: &str = "HANDBACK_MODELS";

/// Which model decides where a plan needs one.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Model {
    /// Who decides where the plan needs judgement: anthropic:NAME, openai:NAME (any compatible
    /// server), or claude-… The key is ANTHROPIC_API_KEY, OPENAI_API_KEY or in the file named by
    /// HANDBACK_API_KEY_FILE [default: anthropic:claude-haiku-5-5, if there is a key]
    #[arg(long, env = "HANDBACK_MODEL", value_name = "MODEL")]
    pub model: Option<String>,
    /// Where the model is served, for example http://127.0.0.1:11434/v1
    #[arg(long, env = "HANDBACK_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
}

impl Model {
    /// The model that is meant; none, if none is configured.
    ///
    /// # Errors
    /// A sentence that says what is wrong. It never repeats what may be a key.
    pub fn read(&self) -> Result<Option<Choice>, String> {
        let given = |name: &str| {
            let text = env::var_os(name).and_then(|value| value.into_string().ok());
            text.filter(|value| !value.is_empty())
        };
        let settings = Settings {
            model: self.model.clone(),
            base_url: self.base_url.clone(),
            anthropic_base_url: given("ANTHROPIC_BASE_URL"),
            openai_base_url: given("OPENAI_BASE_URL"),
            anthropic_key: given("ANTHROPIC_API_KEY").map(Secret::new),
            openai_key: given("OPENAI_API_KEY").map(Secret::new),
            key_file: given("HANDBACK_API_KEY_FILE").map(PathBuf::from),
            cassette: given("HANDBACK_CASSETTE"),
        };
        let choice = settings.choose().map_err(|bad| format!("{bad}."))?;
        if choice.is_none() && self.model.is_some() {
            return Err("--model names a model, and there is no key for it: set ANTHROPIC_API_KEY, OPENAI_API_KEY or HANDBACK_API_KEY_FILE, or say with --base-url where a server is that needs none.".to_owned());
        }
        Ok(choice)
    }
}

/// The table of models that the environment names, as text.
///
/// # Errors
/// If it cannot be read.
fn table() -> Result<Option<String>, String> {
    let Some(path) = env::var_os(TABLE).filter(|value| !value.is_empty()) else { return Ok(None) };
    let path = PathBuf::from(path);
    fs::read_to_string(&path)
        .map(Some)
        .map_err(|error| format!("{TABLE}: {} cannot be read: {error}.", path.display()))
}

/// `--extensions`: `all`, `none`, or names with commas.
///
/// # Errors
/// If there is no such tool.
fn extensions(text: &str) -> Result<Extensions, String> {
    let known = || TOOLS.iter().filter(|tool| !tool.core).map(|tool| tool.name);
    match text.trim() {
        "all" => Ok(Extensions::All),
        "none" => Ok(Extensions::Only(Vec::new())),
        list => {
            let names: Vec<_> = list.split(',').map(|name| name.trim().to_owned()).collect();
            match names.iter().find(|name| known().all(|one| one != name.as_str())) {
                None => Ok(Extensions::Only(names)),
                Some(name) => Err(format!(
                    "--extensions: there is no extension {name:?}; write all, none, or some of {}.",
                    known().collect::<Vec<_>>().join(", ")
                )),
            }
        }
    }
}

/// What a run may ask and spend.
///
/// # Errors
/// A sentence that says what is wrong.
pub(in crate::cli) fn wish(
    model: &Model,
    max_tokens: Option<u64>,
    discover: bool,
    extensions: &str,
) -> Result<ModelWish, String> {
    Ok(ModelWish {
        choice: model.read()?,
        table: table()?,
        patience: Patience::default(),
        max_tokens,
        discover,
        extensions: self::extensions(extensions)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_all_none_or_named() {
        assert_eq!(extensions("all"), Ok(Extensions::All));
        assert_eq!(extensions("none"), Ok(Extensions::Only(Vec::new())));
        let two = Extensions::Only(vec!["hover".to_owned(), "drag".to_owned()]);
        assert_eq!(extensions("hover, drag"), Ok(two));
        for wrong in ["hovering", "click", ""] {
            let why = extensions(wrong).unwrap_err();
            assert!(why.contains("--extensions") && why.contains("upload_file"), "{why}");
        }
        let core = Extensions::Only(Vec::new()).tools();
        assert_eq!(core.len(), 18);
    }
}
