//! A ring from one thread to one other, whose slots are written and read where they lie.
//!
//! crossbeam's `ArrayQueue` would do, but it takes and gives values: a frame of 344 octets would be built on the stack,
//! moved in and moved out again. Here the decoder writes into the slot and the listener reads it there. That is the
//! whole reason for this file; the safe twin in the tests is a queue behind a mutex, and both pass the same ones.

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Shared<T> {
    slots: Box<[UnsafeCell<T>]>,
    /// Slots written in all, by the producer alone. Both counters wrap; the number of slots is a power of two.
    written: AtomicUsize,
    /// Slots read in all, by the consumer alone.
    read: AtomicUsize,
}

// SAFETY: a slot is reached by the producer only while it counts as read, and by the consumer only while it counts as
// written; the release store of a counter and the acquire load on the other side order the accesses. There is one
// producer and one consumer, as neither can be cloned and each needs `&mut self`. `T: Send` as slots cross threads.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The end that writes.
pub struct Producer<T>(Arc<Shared<T>>);

/// The end that reads.
pub struct Consumer<T>(Arc<Shared<T>>);

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Producer")
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consumer")
    }
}

/// A ring of at least `slots` slots (the next power of two), each holding a default value until it is written.
pub fn ring<T: Default + Send>(slots: usize) -> (Producer<T>, Consumer<T>) {
    let slots = (0..slots.max(1).next_power_of_two()).map(|_| UnsafeCell::new(T::default())).collect();
    let shared = Arc::new(Shared { slots, written: AtomicUsize::new(0), read: AtomicUsize::new(0) });
    (Producer(Arc::clone(&shared)), Consumer(shared))
}

impl<T: Send> Producer<T> {
    /// Lets `fill` write the next slot, which still holds what was in it long ago. False, and `fill` is not called, if
    /// the ring is full.
    pub fn push_with(&mut self, fill: impl FnOnce(&mut T)) -> bool {
        let shared = &*self.0;
        let written = shared.written.load(Ordering::Relaxed);
        if written.wrapping_sub(shared.read.load(Ordering::Acquire)) == shared.slots.len() {
            return false;
        }
        // SAFETY: not full, so the consumer is done with this slot (acquire above) and will not touch it before the
        // release below; we are the only producer.
        fill(unsafe { &mut *shared.slots[written & (shared.slots.len() - 1)].get() });
        shared.written.store(written.wrapping_add(1), Ordering::Release);
        true
    }
}

impl<T: Send> Consumer<T> {
    /// Lends the oldest slot to `use_it`; `None` if the ring is empty.
    pub fn pop_with<R>(&mut self, use_it: impl FnOnce(&T) -> R) -> Option<R> {
        let shared = &*self.0;
        let read = shared.read.load(Ordering::Relaxed);
        if read == shared.written.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: not empty, so the producer has finished this slot (acquire above) and will not touch it before the
        // release below; we are the only consumer.
        let result = use_it(unsafe { &*shared.slots[read & (shared.slots.len() - 1)].get() });
        shared.read.store(read.wrapping_add(1), Ordering::Release);
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::Mutex;

    /// Both ends of either kind of ring.
    trait Push: Send {
        fn push(&mut self, v: u64) -> bool;
    }
    trait Pop: Send {
        fn pop(&mut self) -> Option<u64>;
    }
    impl Push for Producer<u64> {
        fn push(&mut self, v: u64) -> bool {
            self.push_with(|slot| *slot = v)
        }
    }
    impl Pop for Consumer<u64> {
        fn pop(&mut self) -> Option<u64> {
            self.pop_with(|slot| *slot)
        }
    }
    type Plain = Arc<Mutex<VecDeque<u64>>>;
    impl Push for Plain {
        fn push(&mut self, v: u64) -> bool {
            let mut q = self.lock().unwrap();
            let room = q.len() < 8;
            if room {
                q.push_back(v);
            }
            room
        }
    }
    impl Pop for Plain {
        fn pop(&mut self) -> Option<u64> {
            self.lock().unwrap().pop_front()
        }
    }

    fn both() -> [(Box<dyn Push>, Box<dyn Pop>); 2] {
        let (producer, consumer) = ring(8);
        let plain = Plain::default();
        [(Box::new(producer), Box::new(consumer)), (Box::new(Arc::clone(&plain)), Box::new(plain))]
    }

    #[test]
    fn a_full_ring_refuses_and_an_empty_one_gives_nothing() {
        for (mut producer, mut consumer) in both() {
            for round in 0..3 {
                assert!((0..8).all(|n| producer.push(round * 8 + n)));
                assert!(!producer.push(99));
                assert!((0..8).all(|n| consumer.pop() == Some(round * 8 + n)));
                assert_eq!(consumer.pop(), None);
            }
        }
    }

    #[test]
    fn all_that_is_written_on_one_thread_is_read_in_order_on_another() {
        for (mut producer, mut consumer) in both() {
            let writer = std::thread::spawn(move || {
                for n in 0..50_000 {
                    while !producer.push(n) {
                        std::thread::yield_now();
                    }
                }
            });
            for n in 0..50_000 {
                loop {
                    match consumer.pop() {
                        Some(v) => break assert_eq!(v, n),
                        None => std::thread::yield_now(),
                    }
                }
            }
            writer.join().unwrap();
        }
    }
}
