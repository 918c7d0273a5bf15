//! What a process has used, by `/proc`.

use std::time::Duration;

/// User and system time so far.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    // Fields 14 and 15 of proc(5), counted after the command; the kernel's clock ticks 100 times a second.
    let ticks = after_name.split(' ').skip(11).take(2).map(|v| v.parse::<u64>().unwrap()).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

/// A field of `/proc/PID/status` in KiB, such as `VmRSS:`.
pub(crate) fn status_kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|v| v.parse().ok()).unwrap_or(0)
}
