//! `[media]`: ports, threads, codecs, and how packets go to and from the kernel.

use super::Server;
use super::file::File;
use super::problem::Problem;
use crate::base::{Codec, SrtpPolicy};
use serde::Deserialize;
use std::ops::RangeInclusive;
use toml::Spanned;

/// How audio goes to and from the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacketIo {
    /// By io_uring where the kernel allows it, else by sockets.
    Auto,
    /// The same, but that it is not allowed is worth a warning.
    IoUring,
    /// By sockets, in batches.
    #[default]
    Sockets,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMedia {
    ports: Option<Spanned<String>>,
    pub(super) advertised: Option<Spanned<String>>,
    workers: Option<usize>,
    awake: Option<bool>,
    codecs: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) srtp: Option<Spanned<SrtpPolicy>>,
    io: Option<PacketIo>,
}

/// What stands for itself.
pub(super) fn read(file: &File, raw: &RawMedia, server: &mut Server, problems: &mut Vec<Problem>) {
    if let Some(ports) = &raw.ports {
        match port_range(ports.get_ref()) {
            Some(range) => server.media_ports = range,
            None => problems.push(file.error(ports.span(), "not a range of ports").help(Some(
                "write it as \"20000-29999\", with room for at least one even port and the next".into(),
            ))),
        }
    }
    if let Some(list) = &raw.codecs {
        server.codecs = codecs(file, list, problems);
    }
    server.media_workers = raw.workers.filter(|w| *w > 0);
    server.media_awake = raw.awake.unwrap_or_default();
    server.media_io = raw.io.unwrap_or_default();
}

/// The codecs by their names in SDP, each once.
pub(super) fn codecs(
    file: &File,
    list: &Spanned<Vec<Spanned<String>>>,
    problems: &mut Vec<Problem>,
) -> Vec<Codec> {
    let mut found = Vec::new();
    for name in list.get_ref() {
        let codec = Codec::ALL.into_iter().find(|c| c.name().eq_ignore_ascii_case(name.get_ref()));
        let help = |text: &str| Some(text.to_owned());
        match codec {
            None => problems.push(
                file.error(name.span(), "not a codec that we speak")
                    .help(help("choose among PCMA, PCMU, G722 and opus")),
            ),
            Some(codec) if found.contains(&codec) => problems.push(
                file.error(name.span(), "named twice").help(help("name each codec once, the best first")),
            ),
            Some(codec) => found.push(codec),
        }
    }
    if list.get_ref().is_empty() {
        problems.push(
            file.error(list.span(), "without a codec no call can be spoken")
                .help(Some("write [\"PCMA\", \"PCMU\"], or leave it out for these two".into())),
        );
    }
    found
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.split_once('-')?;
    let (low, high): (u16, u16) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    let pair = high > low.saturating_add(low % 2);
    (low >= 1024 && pair).then_some(low..=high)
}
