//! One process between sales channels and an ERP. See `channel-gateway --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    channel_gateway::cli::main().await
}
