//! What the values of header fields are written from.
//!
//! Nearly all are texts and numbers, and are put down as they are: by the formatter, a 200 with its description took twice as
//! long (`cargo bench --bench sip`).

use super::syntax::Text;
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// Something that a field's value can be written from.
pub trait Value {
    /// Writes it at the end of `out`.
    fn put(&self, out: &mut String);
}

impl Value for str {
    fn put(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl Value for String {
    fn put(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl Value for Text {
    fn put(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl Value for u32 {
    fn put(&self, out: &mut String) {
        digits(out, u64::from(*self));
    }
}

impl Value for usize {
    fn put(&self, out: &mut String) {
        digits(out, *self as u64);
    }
}

impl Value for fmt::Arguments<'_> {
    fn put(&self, out: &mut String) {
        // Writing into memory cannot fail.
        let _ = out.write_fmt(*self);
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn put(&self, out: &mut String) {
        (**self).put(out);
    }
}

/// Writes a number.
pub(super) fn digits(out: &mut String, number: u64) {
    if number >= 10 {
        digits(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Writes an address without a port, and without brackets.
pub(super) fn ip(out: &mut String, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => {
            for (i, octet) in v4.octets().into_iter().enumerate() {
                if i > 0 {
                    out.push('.');
                }
                digits(out, octet.into());
            }
        }
        IpAddr::V6(v6) => format_args!("{v6}").put(out),
    }
}

/// Writes host and port.
pub(super) fn host_port(out: &mut String, addr: SocketAddr) {
    match addr {
        SocketAddr::V4(v4) => {
            ip(out, (*v4.ip()).into());
            out.push(':');
            digits(out, v4.port().into());
        }
        SocketAddr::V6(v6) => format_args!("{v6}").put(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_written_as_the_formatter_writes_them() {
        let written = |put: &dyn Fn(&mut String)| {
            let mut out = String::new();
            put(&mut out);
            out
        };
        for number in [0, 7, 10, 99, 100, 65_535, u32::MAX] {
            assert_eq!(written(&|out| number.put(out)), number.to_string());
        }
        for addr in ["0.0.0.0:0", "192.0.2.255:5060", "[2001:db8::1]:65535", "[::ffff:1.2.3.4]:1"] {
            let parsed: SocketAddr = addr.parse().unwrap();
            assert_eq!(written(&|out| host_port(out, parsed)), addr);
            assert_eq!(written(&|out| ip(out, parsed.ip())), parsed.ip().to_string());
        }
    }
}
