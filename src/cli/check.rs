//! `handback check`: what a plan would do, without doing it, and what an API server would say to a
//! manifest, without one.

mod manifest;
mod plan;

use std::{
    fs::File,
    io::{IsTerminal, Read, Write, stdin, stdout},
    path::PathBuf,
};

use serde_json::Value;

use crate::{
    agent::{
        plan::{print_grammar, reference as plan_reference},
        results, tools,
    },
    cli::{paint::Paint, run::colour_wanted, say, values::Values},
    manifest::test_run::TestRun,
    pod::contract::Exit,
};

/// Options of `handback check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Plans, and manifests of `TestRun` and Handoff; without any, standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Something every scenario must show, as for `run`; repeatable
    #[arg(long, env = "HANDBACK_PASS_CRITERIA", value_name = "TEXT")]
    pub pass_criteria: Vec<String>,
    /// Values for the plan's placeholders
    #[command(flatten)]
    pub values: Values,
    /// Print every form that needs no model
    #[arg(long)]
    pub grammar: bool,
    /// Print a JSON Schema: of results.json, or of the tools that a model may call
    #[arg(long, value_name = "NAME")]
    pub schema: Option<Schema>,
    /// Print a page of the reference in docs/, as Markdown
    #[arg(long, value_name = "NAME")]
    pub reference: Option<Reference>,
}

/// See [`Args::schema`].
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Schema {
    /// results.json
    Results,
    /// Names, descriptions and parameters
    Tools,
}

/// See [`Args::reference`].
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Reference {
    /// docs/grammar.md
    Grammar,
    /// docs/tools.md
    Tools,
}

/// What is printed instead of checking anything, if that is asked for.
fn printed(args: &Args) -> Option<String> {
    let json = |value: &Value| format!("{value:#}\n");
    match (args.grammar, args.schema, args.reference) {
        (true, _, _) => Some(print_grammar()),
        (_, Some(Schema::Results), _) => Some(json(results::schema().as_value())),
        (_, Some(Schema::Tools), _) => Some(json(&tools::schema::all())),
        (_, _, Some(Reference::Grammar)) => Some(plan_reference::markdown()),
        (_, _, Some(Reference::Tools)) => Some(tools::reference::markdown()),
        (false, None, None) => None,
    }
}

/// Checks every file.
pub fn main(args: &Args) -> Exit {
    let paint = Paint { colour: colour_wanted() && stdout().is_terminal() };
    if let Some(printed) = printed(args) {
        say(&mut stdout(), &printed);
        return Exit::Passed;
    }
    let files = match read(&args.files) {
        Ok(files) => files,
        Err(problem) => {
            say(&mut std::io::stderr(), &format!("error: {problem}\n"));
            return Exit::Usage;
        }
    };
    let mut good = true;
    for (name, text) in files {
        good &= check(&mut stdout(), &name, &text, args, paint);
    }
    if good { Exit::Passed } else { Exit::Usage }
}

/// Names and texts of the files.
fn read(files: &[PathBuf]) -> Result<Vec<(String, String)>, String> {
    /// Far more than a plan or an object may have, so that too long a one is told apart.
    const LIMIT: u64 = (4 << 20) + 1;
    let utf8 = |name: &str, bytes| {
        String::from_utf8(bytes).map_err(|_| format!("{name} is no UTF-8 text."))
    };
    if files.is_empty() {
        if stdin().is_terminal() {
            return Err("There is no plan: name a file, or pipe one in.".to_owned());
        }
        let mut bytes = Vec::new();
        stdin()
            .take(LIMIT)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("Standard input cannot be read: {error}."))?;
        return Ok(vec![("standard input".to_owned(), utf8("Standard input", bytes)?)]);
    }
    files
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            let mut bytes = Vec::new();
            File::open(path)
                .and_then(|file| file.take(LIMIT).read_to_end(&mut bytes))
                .map_err(|error| format!("{name} cannot be read: {error}."))?;
            let text = utf8(&name, bytes)?;
            Ok((name, text))
        })
        .collect()
}

/// The one run of a manifest that is in order; else everything that is wrong with it.
pub(in crate::cli) fn the_run(name: &str, text: &str) -> Result<TestRun, String> {
    manifest::the_run(name, text)
}

/// Prints what one file holds; whether it can be run.
fn check(out: &mut dyn Write, name: &str, text: &str, args: &Args, paint: Paint) -> bool {
    let report = if manifest::is_one(name, text) {
        manifest::report(text, paint)
    } else {
        match args.values.read() {
            Ok(variables) => plan::report(text, &args.pass_criteria, &variables, paint),
            Err(problems) => {
                say(out, &format!("{} {}\n", paint.bad("✕"), problems.join("\n  ")));
                return false;
            }
        }
    };
    let sign = if report.good { paint.good("✓") } else { paint.bad("✕") };
    let title = if report.title.is_empty() { String::new() } else { format!("  {}", report.title) };
    say(out, &format!("{sign} {}{title}\n{}", paint.strong(name), report.body));
    report.good
}

/// What is printed of a file.
struct Report {
    /// Whether it can be run.
    good: bool,
    /// What it holds, in two or three words.
    title: String,
    /// Lines below that, each ended.
    body: String,
}

/// 1 step, 2 steps.
fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
