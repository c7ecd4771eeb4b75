//! Version and revision for `--version` and the console. Nothing else happens at build time.
//!
//! `ODYSSEY_REVISION` in the environment wins, for packages built from a source archive; then the checkout's git
//! revision; else there is none.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ODYSSEY_REVISION");
    let revision = env::var("ODYSSEY_REVISION").ok().filter(|text| !text.is_empty());
    let revision = revision.or_else(git_revision).unwrap_or_default();
    println!("cargo::rustc-env=ODYSSEY_GIT_REVISION={revision}");
    println!("cargo::rustc-env=ODYSSEY_BUILD_TYPE={}", env::var("PROFILE").unwrap_or_default());
    println!("cargo::rustc-env=ODYSSEY_COMPILER_VERSION={}", compiler_version());
}

/// `1.95.0` of `rustc 1.95.0 (...)`, empty when rustc does not say.
fn compiler_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = output(Command::new(rustc).arg("--version")).unwrap_or_default();
    said.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

/// The checkout's short revision, and a new run of this script when it changes.
fn git_revision() -> Option<String> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let git = |args: &[&str]| output(Command::new("git").arg("-C").arg(&root).args(args));
    // A source archive may be unpacked inside a checkout of something else.
    let checkout = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if checkout.canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        // A name that is not there would run this script at every build.
        if let Some(path) = git(&["rev-parse", "--git-path", name]).map(|path| root.join(path))
            && Path::exists(&path)
        {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "--short", "HEAD"])
}

/// What a command prints, trimmed; `None` when it fails or prints nothing.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}
