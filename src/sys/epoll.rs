//! Waiting for sockets, with an end in microseconds, and being woken from another thread.
//!
//! `epoll_pwait2` (Linux 5.11) takes nanoseconds, so a worker wakes for its next millisecond without rounding and
//! without a timer descriptor to read; on older kernels the wait is rounded up to milliseconds.

use super::checked;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// A set of descriptors, each with a token, waited for together. Level-triggered.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
    nanoseconds: bool,
}

impl std::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoll").field("fd", &self.fd).finish_non_exhaustive()
    }
}

impl Epoll {
    /// An empty set.
    ///
    /// # Errors
    /// As the kernel says: too many descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; the descriptor returned is new and ours alone.
        let fd = unsafe { OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Epoll { fd, events: Vec::with_capacity(EVENTS), nanoseconds: true })
    }

    /// Waits for `source` to be readable from now on. Closing it ends that.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn add(&self, source: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        // SAFETY: `event` lives through the call, which only reads it.
        checked(unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, source.as_raw_fd(), &raw mut event)
        })?;
        Ok(())
    }

    /// Waits until something is readable or `timeout` has passed (`None`: for ever); appends the tokens.
    ///
    /// # Errors
    /// As the kernel says; an interrupted wait is no error and gives no tokens.
    pub fn wait(&mut self, timeout: Option<Duration>, tokens: &mut Vec<u64>) -> io::Result<()> {
        let n = match self.wait_raw(timeout) {
            Ok(n) => n,
            Err(e) if e.raw_os_error() == Some(libc::ENOSYS) && self.nanoseconds => {
                self.nanoseconds = false;
                self.wait_raw(timeout)?
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => return Err(e),
        };
        // SAFETY: the kernel has filled `n` events, at most the capacity that it was told.
        unsafe { self.events.set_len(n) };
        tokens.extend(self.events.iter().map(|e| e.u64));
        Ok(())
    }

    fn wait_raw(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        self.events.clear();
        let (fd, events) = (self.fd.as_raw_fd(), self.events.as_mut_ptr());
        let n = if self.nanoseconds {
            let spec = timeout.map(|t| libc::timespec {
                tv_sec: t.as_secs() as libc::time_t,
                tv_nsec: libc::c_long::from(t.subsec_nanos() as i32),
            });
            let spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
            // SAFETY: `events` has room for EVENTS entries; `spec` is null or lives through the call; no signal mask.
            unsafe {
                libc::syscall(libc::SYS_epoll_pwait2, fd, events, EVENTS, spec, std::ptr::null::<u8>(), 0)
                    as i32
            }
        } else {
            let ms = timeout.map_or(-1, |t| i32::try_from(t.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
            // SAFETY: `events` has room for EVENTS entries.
            unsafe { libc::epoll_wait(fd, events, EVENTS as i32, ms) }
        };
        Ok(checked(n)? as usize)
    }
}

/// Wakes a thread that waits in an [`Epoll`] for this. Many wakes before it looks are one system call.
#[derive(Debug)]
pub struct Wake {
    event: File,
    pending: AtomicBool,
}

impl AsRawFd for Wake {
    fn as_raw_fd(&self) -> i32 {
        self.event.as_raw_fd()
    }
}

impl Wake {
    /// A new eventfd.
    ///
    /// # Errors
    /// As the kernel says: too many descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; the descriptor returned is new and ours alone.
        let fd = unsafe {
            OwnedFd::from_raw_fd(checked(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?)
        };
        Ok(Wake { event: File::from(fd), pending: AtomicBool::new(false) })
    }

    /// Wakes. What was written before this call is seen by the thread after its [`Wake::clear`].
    pub fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // It can only fail when the counter is full, and then the thread is being woken anyway.
            let _ = (&self.event).write(&1u64.to_ne_bytes());
        }
    }

    /// To be called by the woken thread before it looks at what there is.
    pub fn clear(&self) {
        let _ = (&self.event).read(&mut [0; 8]);
        self.pending.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_wake_is_seen_once_and_can_come_again() {
        let (mut epoll, wake) = (Epoll::new().unwrap(), Wake::new().unwrap());
        epoll.add(&wake, 7).unwrap();
        for _ in 0..2 {
            wake.wake();
            wake.wake();
            let mut tokens = Vec::new();
            epoll.wait(None, &mut tokens).unwrap();
            assert_eq!(tokens, [7]);
            wake.clear();
            epoll.wait(Some(Duration::ZERO), &mut tokens).unwrap();
            assert_eq!(tokens, [7]);
        }
    }

    #[test]
    fn a_wait_with_milliseconds_only_ends_too() {
        let mut epoll = Epoll::new().unwrap();
        for nanoseconds in [true, false] {
            epoll.nanoseconds = nanoseconds;
            let (t, mut tokens) = (Instant::now(), Vec::new());
            epoll.wait(Some(Duration::from_micros(1500)), &mut tokens).unwrap();
            assert!(tokens.is_empty() && t.elapsed() >= Duration::from_micros(1500));
        }
    }
}
