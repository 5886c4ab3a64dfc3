//! The command `isocache`.

// A request is dozens of small allocations, a pipeline hundreds: with the allocator of the system they would be a fifth of
// all work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    isocache_bridge::cli::main()
}
