//! `odyssey --convert`: what goes to which stream, and that the program accepts what it printed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use odyssey_tests::pooler::binary;
use odyssey_tests::process::TempDir;

const EXAMPLE: &str = include_str!("../../examples/transaction.conf");

fn odyssey(option: &str, file: &Path) -> Output {
    Command::new(binary()).arg(option).arg(file).output().expect("the program starts")
}

fn write(dir: &TempDir, name: &str, text: &[u8]) -> std::path::PathBuf {
    let file = dir.join(name);
    fs::write(&file, text).expect("our own directory");
    file
}

#[test]
fn the_program_accepts_what_it_printed() {
    let dir = TempDir::new("convert");
    let file = write(&dir, "a.conf", EXAMPLE.as_bytes());
    let toml = odyssey("--convert", &file);
    assert_eq!(toml.status.code(), Some(0));
    assert!(toml.stdout.starts_with(b"workers = "), "{:?}", String::from_utf8_lossy(&toml.stdout));
    let note = format!("{}: comments are not kept\n", file.display());
    assert_eq!(String::from_utf8_lossy(&toml.stderr), note);

    let file = write(&dir, "a.toml", &toml.stdout);
    assert_eq!(odyssey("--test", &file).status.code(), Some(0));
    let conf = odyssey("--convert", &file);
    let file = write(&dir, "b.conf", &conf.stdout);
    assert_eq!(odyssey("--test", &file).status.code(), Some(0));
    assert_eq!(odyssey("--convert", &file).stdout, toml.stdout, "there and back again");
}

#[test]
fn a_mistake_leaves_standard_output_empty() {
    let dir = TempDir::new("convert");
    for (name, text) in [("a.conf", "workers 0"), ("a.toml", "workers = 0")] {
        let file = write(&dir, name, text.as_bytes());
        let output = odyssey("--convert", &file);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert_eq!(output.stdout, b"", "{name}");
        let want =
            format!("{}:1:1: value for option 'workers' must be between 1 and 2147483647\n", file.display());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with(&want), "{said}");
        assert!(said.contains("no listen sections defined"), "what is missing besides is told, too: {said}");
    }
}

#[test]
fn a_configuration_of_pgbouncer_becomes_one_of_ours() {
    let dir = TempDir::new("convert");
    let users = write(&dir, "users.txt", b"\"app\" \"secret\"\n");
    let ini = format!(
        "[databases]\napp = host=127.0.0.1\n[pgbouncer]\nlisten_addr = 127.0.0.1\nunix_socket_dir =\nauth_file = {}\n\
         pkt_buf = 8192\n",
        users.display()
    );
    let file = write(&dir, "pgbouncer.ini", ini.as_bytes());
    let conf = odyssey("--convert", &file);
    let said = String::from_utf8_lossy(&conf.stderr).into_owned();
    assert_eq!(conf.status.code(), Some(0), "{said}");
    assert!(
        said.starts_with(&format!("{}:7: pkt_buf: ", file.display())) && said.lines().count() == 1,
        "{said}"
    );
    let file = write(&dir, "odyssey.conf", &conf.stdout);
    assert_eq!(odyssey("--test", &file).status.code(), Some(0));
}
