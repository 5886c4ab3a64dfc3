//! The command `isocache`.

fn main() -> std::process::ExitCode {
    isocache::bridge::cli::main()
}
