//! The `hedui` command: flags, terminal and exit codes over `hedui-verify`.

mod args;
mod commands;
mod failure;
mod progress;
mod terminal;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("HEDUI_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let as_json = cli.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::failure(&failure::Failure::internal(error), as_json);
            return ExitCode::from(failure::INTERNAL);
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            terminal::failure(&failure, as_json);
            ExitCode::from(failure.code())
        }
    }
}
