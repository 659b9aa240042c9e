//! `bistable`: the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    bistable_coordinator::cli::main()
}
