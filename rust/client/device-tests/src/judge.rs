// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Requests to the host's judge, see `qemu/host/hostjudge.py`.
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
};

use crate::{check, Failure, TestResult};

/// Where the kernel lists the ports to the host.
const PORTS: &str = "/sys/class/virtio-ports";
const JUDGE: &str = "virtgpu.judge";

/// Returns the file of the judge's port.
fn port() -> Result<PathBuf, Failure> {
    for entry in fs::read_dir(PORTS)? {
        let folder = entry?.path();
        let name = fs::read_to_string(folder.join("name")).unwrap_or_default();
        if let (JUDGE, Some(port)) = (name.trim(), folder.file_name()) {
            return Ok(PathBuf::from("/dev").join(port));
        }
    }
    Err(Failure::Fail(
        "no judge port: start the test with python3 -m qemu.interactive.vm".into(),
    ))
}

/// Sends a request with some data.
///
/// # Errors
///
/// Fails unless the answer is "ok".
pub fn ask(request: &str, data: &[u8]) -> TestResult {
    let mut port = File::options().read(true).write(true).open(port()?)?;
    port.write_all(format!("{request}\n").as_bytes())?;
    port.write_all(data)?;
    let mut answer = String::new();
    BufReader::new(port).read_line(&mut answer)?;
    check!(answer.trim() == "ok", "{request}: {}", answer.trim());
    Ok(())
}

/// Compares the first head with a picture, of which each pixel is a word.
///
/// # Errors
///
/// Fails unless the host shows exactly this.
pub fn picture(width: u32, height: u32, pixels: &[u32]) -> TestResult {
    let bytes: Vec<u8> = pixels
        .iter()
        .flat_map(|pixel| pixel.to_le_bytes())
        .collect();
    ask(&format!("picture 0 {width} {height}"), &bytes)
}
