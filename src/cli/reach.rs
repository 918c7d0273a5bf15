//! A phone for who calls a URI: where its server is, and a way to it.

use super::story;
use trunkline::drive::dns::Dns;
use trunkline::drive::phone::{self, Phone};
use trunkline::sip::Hop;

/// The first of the URI's servers that is there (RFC 3263), and a phone that can reach it.
pub(super) async fn reach(uri: &str) -> Result<(Hop, Phone), String> {
    let located = Dns::default().locate(uri).await?;
    for hop in &located.hops {
        if phone::listens(hop.remote, hop.transport).await {
            let phone = Phone::start(hop.remote).await?;
            phone.expect(hop.remote, &located.host);
            return Ok((*hop, phone));
        }
    }
    Err(match located.hops.first() {
        Some(hop) => story::unreachable(&hop.remote.to_string()),
        None => format!("`{uri}`: the name `{}` has no address: is it written right?", located.host),
    })
}
