//! The examples run: each is started as a program of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A program that is ended with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Cargo builds examples beside the tests.
fn example(name: &str) -> std::path::PathBuf {
    let test = std::env::current_exe().expect("the test's own file");
    let target =
        test.parent().and_then(|deps| deps.parent()).expect("tests are built below the target folder");
    target.join("examples").join(name)
}

#[test]
fn echo_answers_and_ends_on_a_signal() {
    let child = Command::new(example("echo")).stdout(Stdio::piped()).spawn().expect("cargo builds examples");
    let mut program = Program(child);
    let mut lines = BufReader::new(program.0.stdout.take().expect("it is piped")).lines();
    let first = lines.next().expect("it says where it listens").expect("text");
    let address = first.strip_prefix("listening on ").expect("it says where it listens");
    let mut clients: Vec<TcpStream> =
        (0..10).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let question = format!("question {n}");
        client.write_all(question.as_bytes()).expect("open");
        let mut answer = vec![0; question.len()];
        client.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, question.as_bytes());
    }
    // The shell's builtin: a bare machine has no kill(1).
    let pid = program.0.id().to_string();
    let kill = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &pid]).status().expect("a shell");
    assert!(kill.success());
    assert_eq!(lines.next().expect("its last words").expect("text"), "Terminate: bye");
    assert!(program.0.wait().expect("it ends").success());
    for mut client in clients {
        assert_eq!(client.read(&mut [0; 8]).expect("an orderly end"), 0);
    }
}
