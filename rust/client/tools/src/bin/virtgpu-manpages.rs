// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Writes the man pages of the programs into a folder. They are made of the help texts.
use std::{env, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("usage: virtgpu-manpages FOLDER"))?;
    clap_mangen::generate_to(virtgpu_tools::cli::info(), &folder)?;
    clap_mangen::generate_to(virtgpu_tools::cli::top(), &folder)
}
