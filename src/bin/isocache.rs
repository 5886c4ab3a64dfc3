//! The command `isocache`.

// A request is dozens of small allocations, a pipeline hundreds: the system's allocator would be a quarter of all work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    isocache::bridge::cli::main()
}
