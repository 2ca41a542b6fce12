// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Runs subtests with IGT's command-line protocol.
use std::{
    env, error, fs,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    time::Instant,
};

/// Why a subtest has not passed.
#[derive(Debug)]
pub enum Failure {
    /// The driver or the device cannot do what it tests.
    Skip(String),
    /// It has failed.
    Fail(String),
}

impl<E: error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Fail(format!("unexpected error: {error}"))
    }
}

/// The result of a subtest.
pub type TestResult = Result<(), Failure>;

/// A subtest: its name on the command line, what it tests in one line, and its code.
pub type Subtest = (&'static str, &'static str, fn() -> TestResult);

/// IGT's exit codes.
const PASS: u8 = 0;
const SKIP: u8 = 77;
const INVALID: u8 = 79;
const FAIL: u8 = 98;

/// Prints a line for people and for `igt_runner`.
fn print_both(line: &str) {
    println!("{line}");
    eprintln!("{line}");
}

/// Writes a marker, by which `igt_runner` assigns the kernel's messages to a subtest.
fn mark(program: &str, text: &str) {
    // A guest without this file shows the messages of all subtests together.
    let _ = fs::write("/dev/kmsg", format!("<6>[IGT] {program}: {text}\n"));
}

fn run_one(program: &str, subtest: &Subtest) -> u8 {
    let (name, _, code) = subtest;
    let start = Instant::now();
    mark(program, &format!("starting subtest {name}"));
    print_both(&format!("Starting subtest: {name}"));
    let result = panic::catch_unwind(AssertUnwindSafe(code))
        .unwrap_or_else(|_| Err(Failure::Fail("panic".into())));
    let (word, code) = match result {
        Ok(()) => ("SUCCESS", PASS),
        Err(Failure::Skip(why)) => {
            println!("{why}");
            ("SKIP", SKIP)
        }
        Err(Failure::Fail(why)) => {
            println!("{why}");
            ("FAIL", FAIL)
        }
    };
    mark(program, &format!("finished subtest {name}, {word}"));
    print_both(&format!(
        "Subtest {name}: {word} ({:.3}s)",
        start.elapsed().as_secs_f64()
    ));
    code
}

/// Runs the subtests that the command line selects. A pattern is a name, or `*` for all.
#[must_use]
pub fn run(program: &str, subtests: &[Subtest]) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let wanted = match arguments[..] {
        ["--list-subtests"] => {
            for (name, ..) in subtests {
                println!("{name}");
            }
            return PASS.into();
        }
        ["--describe"] => {
            for (name, what, _) in subtests {
                println!("{name}: {what}");
            }
            return PASS.into();
        }
        ["--run-subtest", name] => name,
        [] => "*",
        _ => return INVALID.into(),
    };
    println!("IGT-Version: 2.5-virtgpu");
    mark(program, "executing");
    let codes: Vec<u8> = subtests
        .iter()
        .filter(|(name, ..)| wanted == "*" || wanted == *name)
        .map(|subtest| run_one(program, subtest))
        .collect();
    let worst = [FAIL, PASS, SKIP]
        .into_iter()
        .find(|code| codes.contains(code));
    worst.unwrap_or(INVALID).into()
}
