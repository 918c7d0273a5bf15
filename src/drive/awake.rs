//! Keeps cores from being put to sleep while nothing is to be done.
//!
//! An idle core of a virtual machine is given back to the host, which may take tens of milliseconds to bring it back: on a host
//! whose cores are shared that is by far the most of what packets are late by. A thread that never sleeps, and that everything else
//! goes before, costs the work on this machine next to nothing; it costs the host a core, and on bare metal power.
//!
//! `make load SILENT=1 CALLS=800` on such a host: p99.9 between packets 46.7 ms without; with it 21.3 to 49.4 in five runs, by how
//! much of the time the host took even so (`benches/README.md`).

use crate::sys;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// How often the thread waits for a moment between looking whether it should end.
const MOMENTS: u32 = 1000;

/// Some cores that are kept awake, until this is dropped.
#[derive(Debug)]
pub struct Awake {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Awake {
    /// Keeps `cores` awake.
    ///
    /// # Errors
    /// The kernel gives no thread.
    pub fn keep(cores: impl IntoIterator<Item = usize>) -> io::Result<Self> {
        let mut awake = Awake { over: Arc::default(), threads: Vec::new() };
        for core in cores {
            let over = Arc::clone(&awake.over);
            let body = move || match sys::pin(core).and_then(|()| sys::idle_only()) {
                Ok(()) => spin(&over),
                Err(e) => tracing::warn!("core {core} is not kept awake: {e}"),
            };
            awake.threads.push(std::thread::Builder::new().name(format!("awake-{core}")).spawn(body)?);
        }
        Ok(awake)
    }
}

fn spin(over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        (0..MOMENTS).for_each(|_| std::hint::spin_loop());
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_kept_awake_until_nobody_wants_it() {
        let core = *sys::cpus_allowed().last().unwrap();
        let name = format!("awake-{core}\n");
        let running = || {
            let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
            threads.filter_map(|t| std::fs::read_to_string(t.path().join("comm")).ok()).any(|n| n == name)
        };
        let awake = Awake::keep([core]).unwrap();
        // A thread names itself.
        let named = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            running()
        });
        assert!(named);
        drop(awake);
        assert!(!running());
    }
}
