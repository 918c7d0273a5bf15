//! The `trunkline` program: one subcommand a file in `cli/`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the part that talks to people")]

mod cli;

fn main() -> std::process::ExitCode {
    match cli::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("trunkline: {message}");
            std::process::ExitCode::FAILURE
        }
    }
}
