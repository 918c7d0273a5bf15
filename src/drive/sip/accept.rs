//! Connections from their beginning: accepted or made, TLS and WebSocket agreed on, and handed to `connection`.

use super::super::tls;
use super::connection::{Stream, converse, keep_alive};
use super::table::{Entry, Shared};
use super::{ERROR_PAUSE, websocket};
use crate::limits::SIP_HANDSHAKE_MAX;
use crate::sip::{Flow, Input, Transport};
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::CommonState;
use tokio_rustls::rustls::pki_types::ServerName;

/// Takes connections for a listener until nobody wants messages any more.
pub(super) async fn accept(
    listener: TcpListener,
    (transport, local): (Transport, SocketAddr),
    tls: Option<tls::Acceptor>,
    shared: Shared,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.closed() => return,
        };
        // Out of descriptors, or a peer that was gone again.
        let Ok((stream, remote)) = accepted else {
            tokio::time::sleep(ERROR_PAUSE).await;
            continue;
        };
        let Some(seat) = shared.seat(remote.ip()) else { continue };
        let (flow, tls, shared) = (Flow { transport, local, remote }, tls.clone(), shared.clone());
        tokio::spawn(async move {
            serve(stream, flow, tls, &shared).await;
            drop(seat);
        });
    }
}

async fn serve(stream: TcpStream, flow: Flow, tls: Option<tls::Acceptor>, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let until = tokio::time::Instant::now() + SIP_HANDSHAKE_MAX;
    let at_most = |what| tokio::time::timeout_at(until, what);
    let enter = || shared.enter(flow, None);
    match (flow.transport, tls) {
        (Transport::Tls, Some(tls)) => {
            if let Ok(Ok(stream)) = at_most(tls.current().accept(stream)).await {
                let domains = domains_of(stream.get_ref().1);
                shared.hand(Input::Secured { flow, domains }).await;
                converse(Stream::new(stream), flow, enter(), shared, None).await;
            }
        }
        (Transport::Wss, Some(tls)) => {
            if let Ok(Ok(stream)) = at_most(tls.current().accept(stream)).await {
                let domains = domains_of(stream.get_ref().1);
                let Ok(Ok(socket)) = tokio::time::timeout_at(until, websocket::accept(stream)).await else {
                    return;
                };
                shared.hand(Input::Secured { flow, domains }).await;
                converse(socket, flow, enter(), shared, None).await;
            }
        }
        (Transport::Ws, _) => {
            if let Ok(Ok(socket)) = tokio::time::timeout_at(until, websocket::accept(stream)).await {
                converse(socket, flow, enter(), shared, None).await;
            }
        }
        (Transport::Udp | Transport::Tcp | Transport::Tls | Transport::Wss, _) => {
            converse(Stream::new(stream), flow, enter(), shared, None).await;
        }
    }
}

/// Who the peer has proved to be: the core is told before anything that it says.
fn domains_of(connection: &CommonState) -> Vec<String> {
    tls::domains(connection.peer_certificates())
}

/// Makes a connection in a task of its own; `first` is sent as soon as it is there.
pub(super) fn connect(flow: Flow, first: Bytes, tls: &tls::Connector, shared: &Shared) {
    let Some(seat) = shared.seat(flow.remote.ip()) else { return shared.unreachable(flow) };
    let tls = (flow.transport == Transport::Tls).then(|| tls.towards(flow.remote));
    let (entry, shared) = (shared.enter(flow, Some(first)), shared.clone());
    tokio::spawn(async move {
        if let Some(entry) = begin(flow, tls, entry, &shared).await {
            drop(entry);
            shared.hand(Input::Unreachable { flow }).await;
        }
        drop(seat);
    });
}

/// Gives the entry back if there is no connection.
async fn begin(
    flow: Flow,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    entry: Entry,
    shared: &Shared,
) -> Option<Entry> {
    let stream = match timeout(SIP_HANDSHAKE_MAX, open(flow)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) | Err(_) => return Some(entry),
    };
    let _ = stream.set_nodelay(true);
    match tls {
        None => converse(Stream::new(stream), flow, entry, shared, Some(keep_alive)).await,
        Some((connector, name)) => match timeout(SIP_HANDSHAKE_MAX, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => {
                let domains = domains_of(stream.get_ref().1);
                shared.hand(Input::Secured { flow, domains }).await;
                converse(Stream::new(stream), flow, entry, shared, Some(keep_alive)).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(peer = %flow.remote, %error, "no TLS connection");
                return Some(entry);
            }
            Err(_) => return Some(entry),
        },
    }
    None
}

/// Connects from the address that the core sends from, so that the peer sees the one it knows.
async fn open(flow: Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(flow.local.ip(), 0))?;
    socket.connect(flow.remote).await
}
