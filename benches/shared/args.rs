//! What a bench is told on its command line.

/// The text after `--name`.
pub(crate) fn value(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// The whole number after `--name`.
pub(crate) fn number(name: &str) -> Option<u64> {
    value(name).map(|told| told.parse().unwrap_or_else(|_| panic!("{name} takes a whole number, not {told}")))
}

/// True if `--name` is there.
pub(crate) fn flag(name: &str) -> bool {
    std::env::args().any(|arg| arg == name)
}
