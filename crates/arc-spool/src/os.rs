//! What is asked of the operating system: who this process is, whether another one lives, randomness. Answers are
//! optional where a system does not give them.

use std::{
    fs::{self, File},
    io::Read,
};

/// Returns random bytes: ids must differ between processes, also between a parent and its fork.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).is_err() {
        // Seeded by the standard library from the system.
        for chunk in bytes.chunks_mut(8) {
            let number = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
            chunk.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        }
    }
    bytes
}

/// Returns the name of this machine.
pub(crate) fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Returns the namespace in which pids of this process mean something.
pub(crate) fn pid_namespace() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned())
}

/// Returns the boot of the system, which pids and start times belong to.
pub(crate) fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// What the system says about a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// When it started, in clock ticks since boot.
    pub(crate) start_ticks: u64,
    /// It ended, and its parent did not ask how yet.
    pub(crate) is_zombie: bool,
    /// How it ended, as `wait` says it; 0 also when the system does not tell us.
    pub(crate) wait_status: i32,
}

/// Returns what the system says about a process; nothing when there is none.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name may hold spaces and brackets; the numbers follow the last bracket, from the third on.
    let (_, after) = text.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    Some(Stat {
        start_ticks: fields.get(19)?.parse().ok()?,
        is_zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
        wait_status: fields.get(49).and_then(|field| field.parse().ok()).unwrap_or(0),
    })
}

/// Returns the control group of this process.
pub(crate) fn control_group() -> Option<String> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

/// Returns how many processes of a control group the kernel killed because memory ran out.
pub(crate) fn oom_kills(control_group: &str) -> Option<u64> {
    let path = format!("/sys/fs/cgroup{}/memory.events", control_group.trim_end_matches('/'));
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}
