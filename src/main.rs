//! The `odyssey` program: everything is in the library.

fn main() -> std::process::ExitCode {
    odyssey::instance::main(std::env::args_os())
}
