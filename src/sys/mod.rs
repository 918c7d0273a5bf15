//! All `unsafe` of the product. Each file is a thin, safe face on one thing that the kernel or the memory model offers;
//! nothing here knows what the octets mean. Where there is a choice of back-end, the plain one is safe code and passes
//! the same tests.
#![allow(unsafe_code)]

mod alloc;
mod epoll;
mod net;
mod ring;
mod thread;
mod udp;
mod uring;

pub use alloc::CountingAllocator;
pub use epoll::{Epoll, Wake};
pub use net::{Arrived, Backend, Datagram, HEADROOM, Net, TOKENS};
pub use ring::{Consumer, Producer, ring};
pub use thread::{cpus_allowed, idle_only, pin, precise_timers, real_time, thread_cpu};

/// What a system call gave, or what the kernel says went wrong.
fn checked(result: i32) -> std::io::Result<i32> {
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
}
