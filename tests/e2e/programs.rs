//! Programs that a person would type: kubectl, helm, handback.

use std::{fmt, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// The longest that any of them is waited for: an installation with its roll-out.
const PATIENCE: Duration = Duration::from_mins(5);

/// One of them with its arguments.
pub struct Program {
    command: Command,
    line: String,
    input: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Said {
    line: String,
    /// Its exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// `kubectl` with these arguments.
pub fn kubectl(arguments: &[&str]) -> Program {
    Program::new("kubectl", arguments)
}

/// `helm` with these arguments.
pub fn helm(arguments: &[&str]) -> Program {
    Program::new("helm", arguments)
}

/// `node` with these arguments.
pub fn node(arguments: &[&str]) -> Program {
    Program::new("node", arguments)
}

/// The program that is tested.
pub fn handback(arguments: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_handback"), arguments)
}

impl Program {
    fn new(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, line: format!("{program} {}", arguments.join(" ")), input: None }
    }

    /// With this on standard input.
    pub fn input(mut self, text: &str) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(text.to_owned());
        self
    }

    /// Runs it to its end.
    pub async fn run(mut self) -> Said {
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.line));
        if let Some(text) = self.input.take() {
            let mut input = child.stdin.take().expect("piped");
            input.write_all(text.as_bytes()).await.expect("it reads");
        }
        let output = timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{} did not end", self.line)).expect("waits");
        Said {
            line: self.line,
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it; what it wrote.
    pub async fn succeeds(self) -> String {
        let said = self.run().await;
        assert_eq!(said.code, Some(0), "{said}");
        said.out
    }

    /// Starts it, to go on beside the test until its input ends. What it has to complain of is the test's
    /// own standard error.
    pub fn start(mut self) -> Going {
        self.command.stdin(Stdio::piped()).stderr(Stdio::inherit());
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.line));
        let out = BufReader::new(child.stdout.take().expect("piped")).lines();
        Going { child, out, line: self.line }
    }
}

/// One that goes on.
pub struct Going {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    line: String,
}

impl Going {
    /// Its next line, which must be this one.
    pub async fn says(&mut self, expected: &str) {
        let line = timeout(PATIENCE, self.out.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{}: silent", self.line)).expect("UTF-8");
        assert_eq!(line.as_deref(), Some(expected), "{}", self.line);
    }

    /// Ends its input, and waits until it has ended well.
    pub async fn end(mut self) {
        drop(self.child.stdin.take());
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("{} did not end", self.line));
        assert!(status.expect("waits").success(), "{}", self.line);
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}\n{}{}", self.line, self.code, self.out, self.err)
    }
}
