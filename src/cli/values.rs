//! `--var` and `--secret`: from what is typed to [`Variables`]. A secret never stands on a command
//! line, where every process of the machine could read it.

use std::{env, fs};

use clap::ArgAction;

use crate::{
    agent::plan::variables::{SecretVariable, Variables},
    secret::Secret,
};

/// Values for a plan's placeholders.
#[derive(Debug, Default, clap::Args)]
pub struct Values {
    /// A value for {{NAME}} in the plan; repeatable
    #[arg(long, env = "HANDBACK_VAR", value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub var: Vec<String>,
    /// A secret for {{NAME}}: NAME=env:VARIABLE or NAME=file:PATH, then ,origin=ORIGIN for other
    /// sites that may get it; repeatable
    #[arg(long, env = "HANDBACK_SECRET", value_name = "NAME=SOURCE", action = ArgAction::Append)]
    pub secret: Vec<String>,
}

/// Where a secret comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source<'a> {
    Environment(&'a str),
    File(&'a str),
}

impl Values {
    /// Reads them, secrets from where they are.
    ///
    /// # Errors
    /// A sentence for each that is wrong. None repeats what was given for a secret, which may be one.
    pub fn read(&self) -> Result<Variables, Vec<String>> {
        let mut problems = Vec::new();
        let mut plain = Vec::new();
        for text in &self.var {
            match text.split_once('=') {
                Some((name, value)) => plain.push((name.to_owned(), value.to_owned())),
                None => {
                    problems.push(format!("--var {text:?} has no `=`: write --var NAME=VALUE."));
                }
            }
        }
        let mut secrets = Vec::new();
        for text in &self.secret {
            match secret(text) {
                Ok(read) => secrets.push(read),
                Err(problem) => problems.push(problem),
            }
        }
        let variables = Variables::new(plain, secrets)
            .map_err(|errors| problems.extend(errors.iter().map(|error| format!("{error}."))));
        match variables {
            Ok(variables) if problems.is_empty() => Ok(variables),
            _ => Err(problems),
        }
    }
}

fn secret(text: &str) -> Result<SecretVariable, String> {
    let (name, source, origins) = parse(text)?;
    let value = match source {
        Source::Environment(variable) => env::var_os(variable)
            .ok_or_else(|| {
                format!(
                    "--secret {name}: the environment has no variable {variable}. Export it first."
                )
            })?
            .into_string()
            .map_err(|_| format!("--secret {name}: the variable {variable} is no UTF-8 text."))?,
        Source::File(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| format!("--secret {name}: {path} cannot be read: {error}."))?;
            // Editors and `echo` end a file with a line break that nobody means.
            let text = text.strip_suffix('\n').unwrap_or(&text);
            text.strip_suffix('\r').unwrap_or(text).to_owned()
        }
    };
    let origins = origins.into_iter().map(str::to_owned).collect();
    Ok(SecretVariable { name: name.to_owned(), value: Secret::new(value), origins })
}

fn parse(text: &str) -> Result<(&str, Source<'_>, Vec<&str>), String> {
    let form = "write --secret NAME=env:VARIABLE or --secret NAME=file:PATH";
    let Some((name, rest)) = text.split_once('=') else {
        return Err(format!("A --secret has no `=`: {form}."));
    };
    let mut parts = rest.split(",origin=");
    let source = parts.next().unwrap_or_default();
    let source = if let Some(variable) = source.strip_prefix("env:").filter(|v| !v.is_empty()) {
        Source::Environment(variable)
    } else if let Some(path) = source.strip_prefix("file:").filter(|path| !path.is_empty()) {
        Source::File(path)
    } else {
        return Err(format!(
            "--secret {name}: a secret on the command line can be read by every process of this machine: {form}."
        ));
    };
    Ok((name, source, parts.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(secrets: &[&str]) -> Result<Variables, Vec<String>> {
        let secret = secrets.iter().map(|&one| one.to_owned()).collect();
        Values { var: Vec::new(), secret }.read()
    }

    #[test]
    fn a_secret_comes_from_the_environment_or_a_file_with_its_origins() {
        assert_eq!(
            parse("PW=env:X,origin=https://a.example,origin=https://b.example").unwrap(),
            ("PW", Source::Environment("X"), vec!["https://a.example", "https://b.example"])
        );
        assert_eq!(parse("PW=file:/a,b=c").unwrap(), ("PW", Source::File("/a,b=c"), vec![]));
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated() {
        let errors = read(&["PW=hunter2!"]).unwrap_err();
        assert!(errors[0].contains("command line") && !errors[0].contains("hunter2"), "{errors:?}");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let errors = read(&["nothing", "A=env:HANDBACK_NO_SUCH", "B=file:/no/such"]).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
    }

    #[test]
    fn a_file_loses_one_line_break_and_short_secrets_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("pw");
        fs::write(&path, "four\r\n").unwrap();
        let from = format!("PW=file:{}", path.display());
        let variables = read(&[&from]).unwrap();
        assert_eq!(variables.registered()[0].value.expose(), "four");
        fs::write(&path, "abc\n").unwrap();
        assert!(read(&[&from]).unwrap_err()[0].contains("less than 4"));
    }
}
