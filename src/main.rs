//! Arguments in, one call, an exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    handback::cli::main()
}
