use super::*;

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

async fn until<T>(a: &mut Phone, b: &mut Phone, mut found: impl FnMut(bool, Happening) -> Option<T>) -> T {
    let search = async {
        loop {
            let (ours, happening) = tokio::select! {
                h = a.next() => (true, h),
                h = b.next() => (false, h),
            };
            if let Some(found) = found(ours, happening) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), search).await.expect("it never happened")
}

#[test]
fn two_phones_talk_and_one_hears_itself() {
    run(async {
        let here = "127.0.0.1:9".parse().unwrap();
        let (mut a, mut b) = (Phone::start(here).await.unwrap(), Phone::start(here).await.unwrap());
        let flow = Flow { transport: Transport::Udp, local: a.addr(), remote: b.addr() };
        let target = Target::Uri { uri: format!("sip:b@{}", b.addr()), flow };
        let call = a.dial(target, "sip:a@localhost".into()).unwrap();
        let call_id = call.call_id.clone();
        let ours = call.send(&mut a);
        let incoming = until(&mut a, &mut b, |_, h| match h {
            Happening::Incoming(incoming) => Some(incoming),
            _ => None,
        })
        .await;
        assert_eq!(incoming.call_id, call_id);
        b.answer(incoming.leg);
        b.echo(incoming.leg);
        let is_up = |mine: bool, h| (mine && matches!(h, Happening::Talking { .. })).then_some(());
        until(&mut a, &mut b, is_up).await;
        a.press(ours, "5".into());
        let echoed = |mine: bool, h| match h {
            Happening::Media(Report::Digit { digit, .. }) if mine => Some(digit),
            _ => None,
        };
        assert_eq!(until(&mut a, &mut b, echoed).await, '5');
        a.hang_up(ours);
        let ended = |mine: bool, h| match h {
            Happening::Ended { cause, .. } if !mine => Some(cause),
            _ => None,
        };
        assert_eq!(until(&mut a, &mut b, ended).await, EndCause::PeerHungUp);
        assert!(a.lines.is_empty() && b.lines.is_empty());
        a.close(Duration::from_secs(1)).await;
        b.close(Duration::from_secs(1)).await;
    });
}

#[test]
fn a_closed_port_is_noticed_and_an_open_one_is_not_accused() {
    run(async {
        let open = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(listens(open.local_addr().unwrap(), Transport::Udp).await);
        let closed = open.local_addr().unwrap();
        drop(open);
        assert!(!listens(closed, Transport::Udp).await);
        assert!(!listens(closed, Transport::Tcp).await);
    });
}
