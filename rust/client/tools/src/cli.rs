// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The command lines, from which the man pages are made, too.
use std::io::{self, Write};

use clap::{value_parser, Arg, ArgAction, Command};

fn json() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print JSON, for programs")
}

/// The command line of `virtgpu-info`.
#[must_use]
pub fn info() -> Command {
    Command::new("virtgpu-info")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Shows what the virtio GPUs of this machine can do")
        .after_help(
            "It shows driver, files, features, capsets, heads and limits of each device. If something cannot be \
             shown, it says why, and what would help. The exit status is 1 if no device could be shown.",
        )
        .arg(json())
}

/// The command line of `virtgpu-top`.
#[must_use]
pub fn top() -> Command {
    Command::new("virtgpu-top")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Shows who uses how much memory of the virtio GPUs, and what they do each second")
        .after_help(
            "Memory is what the kernel says in /proc/PID/fdinfo, so other users' programs are shown to root only. \
             Commands, kicks and interrupts are in debugfs, which only root may read. The kernel's own driver has \
             neither. Press q to end.",
        )
        .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("Print once, and end"))
        .arg(json().requires("once"))
        .arg(
            Arg::new("interval")
                .long("interval")
                .value_name("SECONDS")
                .default_value("1")
                .value_parser(value_parser!(u64).range(1..=60))
                .help("Seconds between two looks"),
        )
}

/// Prints a text and a line break. If nothing reads the output any more, as with `| head`, that is no error.
///
/// # Errors
///
/// Those of the output.
pub fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn command_lines_are_consistent() {
        super::info().debug_assert();
        super::top().debug_assert();
    }
}
