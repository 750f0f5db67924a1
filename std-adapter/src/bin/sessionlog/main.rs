//! The `sessionlog` command.
fn main() {}
