//! The DNS (hickory): asks what [`Locate`] wants to know, away from everything that must not wait.
//!
//! In: a URI. Out: the addresses to try. Answers are kept as long as their TTL allows, within bounds.

use crate::limits::{DNS_CACHE_MAX, DNS_TTL_MAX, SIP_LOCATE_MAX, SIP_LOOKUPS_MAX};
use crate::sip::locate::{Answer, Hop, Locate, Naptr, Question, Srv};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// How long a name server may take before it, or the next, is asked again.
const SERVER_PATIENCE: Duration = Duration::from_millis(1500);

/// Asks some name servers.
#[derive(Clone)]
pub struct Dns {
    resolver: Option<TokioResolver>,
    lookups: Arc<Semaphore>,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").field("works", &self.resolver.is_some()).finish_non_exhaustive()
    }
}

impl Default for Dns {
    /// Asks the name servers of the system; nobody if it has none.
    fn default() -> Self {
        let ask = TokioResolver::builder_tokio();
        Dns::with(ask.inspect_err(|e| warn!("no name can be looked up: {e}; [sip] dns names servers")).ok())
    }
}

/// A URI's servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// What they must show a certificate for.
    pub host: String,
    /// Their addresses, best first; empty if there are none.
    pub hops: Vec<Hop>,
}

impl Dns {
    /// Asks these name servers only.
    pub fn servers(addrs: &[SocketAddr]) -> Dns {
        let server = |addr: &SocketAddr| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut c| {
                c.port = addr.port();
                c
            });
            NameServerConfig::new(addr.ip(), true, connections.to_vec())
        };
        let mut config = ResolverConfig::default();
        config.name_servers = addrs.iter().map(server).collect();
        Dns::with(Some(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())))
    }

    fn with(builder: Option<hickory_resolver::ResolverBuilder<TokioRuntimeProvider>>) -> Dns {
        let bounded = |mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>| {
            let options: &mut ResolverOpts = builder.options_mut();
            options.cache_size = DNS_CACHE_MAX;
            options.positive_max_ttl = Some(DNS_TTL_MAX);
            options.negative_max_ttl = Some(DNS_TTL_MAX);
            options.timeout = SERVER_PATIENCE;
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            builder.build().inspect_err(|e| warn!("no name can be looked up: {e}")).ok()
        };
        let lookups = Arc::new(Semaphore::new(SIP_LOOKUPS_MAX));
        Dns { resolver: builder.and_then(bounded), lookups }
    }

    /// Locates the servers of `uri` (RFC 3263).
    ///
    /// # Errors
    /// What is wrong with the URI, in words for the user.
    pub async fn locate(&self, uri: &str) -> Result<Located, String> {
        let until = Instant::now() + SIP_LOCATE_MAX;
        let mut locate = Locate::new(uri)?;
        let host = locate.host().to_owned();
        let mut rng = fastrand::Rng::new();
        let permit = self.lookups.try_acquire();
        while let Some(question) = locate.question() {
            let asked = permit.is_ok() && Instant::now() < until;
            let answer = match asked {
                true => timeout_at(until, self.ask(&question)).await.ok().flatten(),
                false => None,
            };
            locate.answer(answer.unwrap_or(Answer::Host(Vec::new())), &mut rng);
        }
        Ok(Located { host, hops: locate.hops() })
    }

    async fn ask(&self, question: &Question) -> Option<Answer> {
        let resolver = self.resolver.as_ref()?;
        let (Question::Naptr(name) | Question::Srv(name) | Question::Host(name)) = question;
        // With the dot at the end no search domain is tried.
        let name = Name::from_utf8(format!("{}.", name.trim_end_matches('.'))).ok()?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let plain = |name: &Name| name.to_utf8().trim_end_matches('.').to_owned();
        Some(match question {
            Question::Naptr(_) => {
                let found =
                    resolver.lookup(name, hickory_resolver::proto::rr::RecordType::NAPTR).await.ok()?;
                let record = |data: &RData| match data {
                    RData::NAPTR(r) => Some(Naptr {
                        order: r.order,
                        preference: r.preference,
                        flags: text(&r.flags),
                        service: text(&r.services),
                        replacement: plain(&r.replacement),
                    }),
                    _ => None,
                };
                Answer::Naptr(found.answers().iter().filter_map(|r| record(&r.data)).collect())
            }
            Question::Srv(_) => {
                let found = resolver.srv_lookup(name).await.ok()?;
                let record = |data: &RData| match data {
                    RData::SRV(r) => Some(Srv {
                        priority: r.priority,
                        weight: r.weight,
                        port: r.port,
                        target: plain(&r.target),
                    }),
                    _ => None,
                };
                Answer::Srv(found.answers().iter().filter_map(|r| record(&r.data)).collect())
            }
            Question::Host(_) => Answer::Host(resolver.lookup_ip(name).await.ok()?.iter().collect()),
        })
    }
}

#[cfg(test)]
mod tests;
