//! A disk that is full, and one that cannot be written to: clear errors, nothing acknowledged is lost, service resumes.
//!
//! Needs the right to mount a file system in memory; says so and does nothing where there is none.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    crash::check,
    load::Connection,
    server,
    workload::{self, Workload},
};

/// A file system in memory that is unmounted when this is dropped.
struct Disk<'p>(&'p Path);

impl Disk<'_> {
    fn mount(path: &Path, options: &str) -> Option<()> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path);
        mount.output().ok().filter(|output| output.status.success()).map(drop)
    }

    fn remount(&self, options: &str) -> Result<()> {
        let options = format!("remount,{options}");
        let output = Command::new("mount").args(["-o", &options]).arg(self.0).output()?;
        ensure!(output.status.success(), "mount -o {options}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

pub(crate) fn run(program: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mounted = folder.path().join("disk");
    std::fs::create_dir(&mounted)?;
    if Disk::mount(&mounted, "size=8m").is_none() {
        eprintln!("SKIPPED: full and read-only disks; mounting a file system needs root");
        return Ok(());
    }
    let disk = Disk(&mounted);
    let home = mounted.join("home");
    std::fs::create_dir(&home)?;
    let mut workload = Workload::new(77, workload::pool());
    let server = server::start(program, &home)?;
    let mut connection = Connection::open(server.address)?;
    let mut acknowledged = Vec::new();
    let refused = loop {
        let (request, ids) = workload.request(16);
        match connection.export(&request)? {
            200 => acknowledged.extend(ids),
            status => break status,
        }
        ensure!(acknowledged.len() < 100_000, "the disk never became full");
    };
    ensure!(refused == 503, "a full disk is answered with {refused} instead of 503");
    for _ in 0..5 {
        ensure!(connection.export(&workload.request(16).0)? == 503, "it stays full");
    }
    connection.get("/api/v1/health").context("whoever only reads is answered")?;
    disk.remount("size=64m")?;
    let (request, ids) = workload.request(16);
    let mut tries = 0;
    while connection.export(&request)? != 200 {
        tries += 1;
        ensure!(tries < 100, "service does not resume when there is room again");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    acknowledged.extend(ids);
    let (traces, said) = (acknowledged.len() as u64, server::said(&home));
    let counted = server.wait_for_runs(traces, std::time::Duration::from_mins(1))?;
    ensure!(counted >= traces, "{traces} traces were acknowledged, {counted} are counted");
    server.kill()?;
    check(&home, &acknowledged)?;
    println!(
        "full disk: {traces} traces acknowledged, 0 missing; refused with 503 while full, served again {tries} tries after"
    );
    println!("  said: {}", said.lines().next().unwrap_or("nothing"));

    disk.remount("ro")?;
    let refusal = server::start(program, &home).err().context("a server that cannot write has to say so")?;
    println!("read-only disk: {refusal:#}");
    disk.remount("rw")?;
    let server = server::start(program, &home).context("start when the disk can be written to again")?;
    ensure!(Connection::open(server.address)?.export(&workload.request(1).0)? == 200, "service resumes");
    server.kill()?;
    check(&home, &acknowledged)
}
