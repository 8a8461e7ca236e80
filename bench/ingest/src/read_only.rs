//! A disk that becomes read-only under a running server, as a file system does after an error of its device.
//!
//! Needs the right to mount a file system out of a file; says so and does nothing where there is none.

use std::{
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};

use crate::{
    crash::check,
    load::Connection,
    server,
    workload::{self, Workload},
};

/// Bytes of the file system.
const SIZE: u64 = 64 << 20;

/// A mounted file system that is unmounted when this is dropped.
struct Disk<'p> {
    image: &'p Path,
    place: &'p Path,
}

impl<'p> Disk<'p> {
    /// Makes and mounts it; `None` where that is not allowed.
    fn make(image: &'p Path, place: &'p Path) -> Option<Self> {
        std::fs::File::create(image).and_then(|file| file.set_len(SIZE)).ok()?;
        let made = run(Command::new("mkfs.ext4").arg("-q").arg(image)).ok()?;
        let disk = Self { image, place };
        (made.status.success() && disk.mount().is_ok()).then_some(disk)
    }

    fn mount(&self) -> Result<()> {
        let output = run(Command::new("mount").args(["-o", "loop"]).arg(self.image).arg(self.place))?;
        ensure!(output.status.success(), "mount: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn unmount(&self) -> Result<()> {
        let output = run(Command::new("umount").arg(self.place))?;
        ensure!(output.status.success(), "umount: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Does what an error of the device does.
    fn fail(&self) -> Result<()> {
        let output = run(Command::new("mount").args(["-o", "remount,abort"]).arg(self.place))?;
        ensure!(output.status.success(), "mount -o remount,abort: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.place).output();
    }
}

fn run(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("run {command:?}"))
}

pub(crate) fn run_under(program: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (image, place) = (folder.path().join("image"), folder.path().join("disk"));
    std::fs::create_dir(&place)?;
    let Some(disk) = Disk::make(&image, &place) else {
        eprintln!(
            "SKIPPED: a disk that becomes read-only; mounting a file system out of a file needs root and mkfs.ext4"
        );
        return Ok(());
    };
    let home = place.join("home");
    std::fs::create_dir(&home)?;
    let mut workload = Workload::new(78, workload::pool());
    let server = server::start(program, &home)?;
    let mut connection = Connection::open(server.address)?;
    let mut acknowledged = Vec::new();
    for _ in 0..100 {
        let (request, ids) = workload.request(16);
        ensure!(connection.export(&request)? == 200, "a disk that works takes everything");
        acknowledged.extend(ids);
    }
    disk.fail()?;
    for _ in 0..5 {
        let status = connection.export(&workload.request(16).0)?;
        ensure!(status == 503, "a read-only disk is answered with {status} instead of 503");
    }
    connection.get("/api/v1/health").context("whoever only reads is answered")?;
    server.kill()?;
    // What people do about it.
    disk.unmount()?;
    disk.mount()?;
    let server = server::start(program, &home).context("start when the disk is mounted again")?;
    ensure!(Connection::open(server.address)?.export(&workload.request(1).0)? == 200, "service resumes");
    server.kill()?;
    check(&home, &acknowledged)?;
    println!(
        "disk that became read-only: {} traces acknowledged, 0 missing; refused with 503 meanwhile",
        acknowledged.len()
    );
    Ok(())
}
