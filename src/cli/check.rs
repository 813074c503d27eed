//! `handback check`: what a plan would do, without doing it.

use std::{
    fmt::Write as _,
    fs::File,
    io::{IsTerminal, Read, Write, stdin, stdout},
    path::PathBuf,
};

use crate::{
    agent::{
        assignment::print_problem,
        plan::{Plan, direct, print_grammar},
    },
    cli::{
        paint::{COLUMNS, Paint, fit},
        run::colour_wanted,
        say,
        values::Values,
    },
    pod::contract::Exit,
};

/// Options of `handback check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Plans; without any, standard input
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
}

/// Checks every file.
pub fn main(args: &Args) -> Exit {
    let paint = Paint { colour: colour_wanted() && stdout().is_terminal() };
    if args.grammar {
        say(&mut stdout(), &print_grammar());
        return Exit::Passed;
    }
    let plans = match read(&args.files) {
        Ok(plans) => plans,
        Err(problem) => {
            say(&mut std::io::stderr(), &format!("error: {problem}\n"));
            return Exit::Usage;
        }
    };
    let mut good = true;
    for (name, text) in plans {
        good &= check(&mut stdout(), &name, &text, args, paint);
    }
    if good { Exit::Passed } else { Exit::Usage }
}

/// Names and texts of the plans.
fn read(files: &[PathBuf]) -> Result<Vec<(String, String)>, String> {
    /// One more than a plan may have, so that too long a one is told apart.
    const LIMIT: u64 = (256 << 10) + 1;
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

/// Prints what one plan holds; whether it can be run.
fn check(out: &mut dyn Write, name: &str, text: &str, args: &Args, paint: Paint) -> bool {
    let variables = match args.values.read() {
        Ok(variables) => variables,
        Err(problems) => {
            say(out, &format!("{} {}\n", paint.bad("✕"), problems.join("\n  ")));
            return false;
        }
    };
    let plan = match Plan::parse(text, &args.pass_criteria, &variables) {
        Ok(plan) => plan,
        Err(problems) => {
            let mut report = format!("{} {}\n", paint.bad("✕"), paint.strong(name));
            for problem in &problems {
                let _ = writeln!(report, "  {}", print_problem(problem).replace('\n', "\n  "));
            }
            say(out, &report);
            return false;
        }
    };
    let mut report = String::new();
    let mut good = true;
    for warning in &plan.warnings {
        let _ = writeln!(report, "  warning, {}", print_problem(warning).replace('\n', "\n  "));
    }
    for scenario in &plan.scenarios {
        let compiled = direct::compile(scenario);
        let (sign, driver) = match &compiled {
            Ok(steps) => (
                paint.good("✓"),
                format!(
                    "direct, {}, {}",
                    counted(steps.len(), "step"),
                    counted(scenario.checks.len(), "check")
                ),
            ),
            Err(problems) => {
                good = false;
                let count = problems.len();
                let need = if count == 1 { "needs" } else { "need" };
                (paint.bad("✕"), format!("{} {need} another form", counted(count, "line")))
            }
        };
        let _ = writeln!(
            report,
            "  {sign} {}  {}",
            fit(&scenario.name, COLUMNS - 40),
            paint.soft(&format!("line {}, {driver}", scenario.line))
        );
        for one in &scenario.checks {
            let line =
                one.line.map_or_else(|| "criterion".to_owned(), |line| format!("line {line}"));
            let _ = writeln!(
                report,
                "      {} {} {}",
                paint.soft(&one.id),
                fit(&one.text, COLUMNS - 24),
                paint.soft(&format!("({line})"))
            );
        }
        for problem in compiled.err().unwrap_or_default() {
            let _ = writeln!(report, "    {}", print_problem(&problem).replace('\n', "\n    "));
        }
    }
    let sign = if good { paint.good("✓") } else { paint.bad("✕") };
    let count = plan.scenarios.len();
    let scenarios = counted(count, "scenario");
    say(out, &format!("{sign} {}  {scenarios}\n{report}", paint.strong(name)));
    good
}

/// 1 step, 2 steps.
fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
