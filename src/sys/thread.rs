//! A thread's place and time: which cores it may use, before whom and how exactly it is woken, what it has cost.

use super::checked;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::time::Duration;

/// The numbers of the cores that this process may run on; empty if the kernel does not say.
pub fn cpus_allowed() -> Vec<usize> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the kernel writes at most the size given, and zeroes are a valid set.
    let (result, set) = unsafe {
        let result = libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr());
        (result, set.assume_init())
    };
    let all = if result == 0 { libc::CPU_SETSIZE as usize } else { 0 };
    // SAFETY: the number is below CPU_SETSIZE.
    (0..all).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

/// Keeps the calling thread on core `cpu`.
///
/// # Errors
/// As the kernel says: no such core, or not allowed.
pub fn pin(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: zeroes are a valid set, the number is below CPU_SETSIZE, and the set lives through the call.
    let result = unsafe {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    checked(result).map(drop)
}

/// Has the calling thread run before everything that is not in real time or has a lower `priority` of 1 to 99 (sched(7); the kernel's own
/// threads have 50), as soon as it has something to do; threads that it starts do not. It must sleep most of the time: by default the
/// kernel leaves the others a twentieth of each second.
///
/// # Errors
/// Not allowed: it takes `RLIMIT_RTPRIO`, or `CAP_SYS_NICE`.
pub fn real_time(priority: i32) -> io::Result<()> {
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: 0 is the calling thread, and `param` lives through the call.
    checked(unsafe { libc::sched_setscheduler(0, policy, &raw const param) }).map(drop)
}

/// Has the calling thread run only where a core has nothing else to do (`SCHED_IDLE`, sched(7)). Every thread may do that.
///
/// # Errors
/// As the kernel says.
pub fn idle_only() -> io::Result<()> {
    let param = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread, and `param` lives through the call.
    checked(unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const param) }).map(drop)
}

/// Has the calling thread's waits end when they are due and not up to 50 µs later, the kernel's default.
pub fn precise_timers() {
    // SAFETY: PR_SET_TIMERSLACK takes a number and touches no memory. A kernel that refuses leaves the default.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1000 as libc::c_ulong) };
}

/// CPU time that the calling thread has used.
pub fn thread_cpu() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` lives through the call, which fills it.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut t) };
    Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_runs_in_real_time_where_that_is_allowed() {
        std::thread::spawn(|| {
            let asked = real_time(10);
            // SAFETY: 0 is the calling thread.
            let policy = unsafe { libc::sched_getscheduler(0) } & !libc::SCHED_RESET_ON_FORK;
            match asked {
                Ok(()) => assert_eq!(policy, libc::SCHED_RR),
                Err(e) => {
                    assert_eq!((e.kind(), policy), (io::ErrorKind::PermissionDenied, libc::SCHED_OTHER));
                }
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_runs_where_nothing_else_does() {
        std::thread::spawn(|| {
            idle_only().unwrap();
            // SAFETY: 0 is the calling thread.
            assert_eq!(unsafe { libc::sched_getscheduler(0) }, libc::SCHED_IDLE);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_can_be_kept_on_a_core_that_it_is_allowed() {
        std::thread::spawn(|| {
            let cpu = *cpus_allowed().last().unwrap();
            pin(cpu).unwrap();
            assert_eq!(cpus_allowed(), [cpu]);
            assert!(pin(usize::MAX).is_err());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn work_costs_cpu_time() {
        precise_timers();
        let before = thread_cpu();
        assert!(std::hint::black_box((0..1_000_000u64).map(std::hint::black_box).sum::<u64>()) > 0);
        assert!(thread_cpu() > before);
    }
}
