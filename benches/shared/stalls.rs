//! When a core itself was away: its host ran something else, or its kernel did not come to run what was due.
//!
//! A thread that goes before everything measured sleeps on that core and looks how late it is woken. What delays it is none of
//! the work that it goes before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use trunkline::sys;

/// So long at a time the thread sleeps.
const SLEEP: Duration = Duration::from_micros(500);
/// Woken later than this, it counts as a stall. One system call of who is measured is much shorter.
const LATE: Duration = Duration::from_millis(1);
/// Before a media worker, after the kernel's own threads.
const PRIORITY: i32 = 20;

/// From and until, since 1970, as the kernel stamps packets.
pub(crate) type Stall = (Duration, Duration);

pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Stall>>,
}

/// Watches `core`; `None` where real-time scheduling is not allowed, since what is measured would delay it.
pub(crate) fn watch(core: usize) -> Option<Watch> {
    let over = Arc::new(AtomicBool::new(false));
    let (tell, told) = std::sync::mpsc::channel();
    let thread = {
        let over = over.clone();
        std::thread::spawn(move || {
            let allowed = sys::pin(core).and_then(|()| sys::real_time(PRIORITY)).is_ok();
            sys::precise_timers();
            let _ = tell.send(allowed);
            let mut stalls = Vec::new();
            while allowed && !over.load(Ordering::Relaxed) {
                let due = since_1970() + SLEEP;
                std::thread::sleep(SLEEP);
                let woken = since_1970();
                if woken > due + LATE {
                    stalls.push((due, woken));
                }
            }
            stalls
        })
    };
    told.recv().unwrap().then_some(Watch { over, thread })
}

impl Watch {
    pub(crate) fn stalls(self) -> Vec<Stall> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Whether the core was away at some time between the two; `stalls` are in order.
pub(crate) fn away(stalls: &[Stall], from: Duration, until: Duration) -> bool {
    let ended = stalls.partition_point(|stall| stall.1 <= from);
    stalls.get(ended).is_some_and(|stall| stall.0 < until)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
