use super::*;

const OURS: &[Codec] = &[Codec::Pcma, Codec::Pcmu];

fn local(direction: Direction) -> Local<'static> {
    let addr = SocketAddr::from(([192, 0, 2, 1], 4000));
    Local { addr, session_id: 1, version: 1, codecs: OURS, direction, srtp: None }
}

fn answered(offer: &str) -> Result<(String, StreamSpec), SdpError> {
    let (text, agreed) = answer(offer.as_bytes(), &local(Direction::SendRecv))?;
    Ok((String::from_utf8(text.to_vec()).unwrap(), agreed))
}

#[test]
fn what_we_offer_is_agreed_on_by_a_peer_like_us() {
    for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
        let (text, theirs) = answer(&offer(&local(direction)), &local(Direction::SendRecv)).unwrap();
        let ours = accept(&text, &local(direction)).unwrap();
        assert_eq!(ours.direction, direction);
        assert_eq!(
            (theirs.direction.sends(), theirs.direction.receives()),
            (direction.receives(), direction.sends())
        );
        assert_eq!((ours.codec, ours.dtmf), (Codec::Pcma, Some(101)));
    }
}

#[test]
fn the_offerers_order_decides_and_its_payload_type_for_events_is_kept() {
    let (text, agreed) = answered(
        "v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 18 0 8 97\na=rtpmap:97 telephone-event/8000\n",
    )
    .unwrap();
    assert_eq!((agreed.codec, agreed.dtmf), (Codec::Pcmu, Some(97)));
    assert!(text.contains("m=audio 4000 RTP/AVP 0 97\r\n"), "{text}");
}

#[test]
fn codecs_are_known_by_name_under_the_offerers_payload_types() {
    let ours = Local { codecs: &Codec::ALL, ..local(Direction::SendRecv) };
    let chosen = |offer: &str| {
        let offer = format!("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP {offer}");
        let (text, agreed) = answer(offer.as_bytes(), &ours).unwrap();
        (agreed.codec, agreed.payload_type, String::from_utf8(text.to_vec()).unwrap())
    };
    let (codec, payload, text) = chosen("96 9 0\na=rtpmap:96 opus/48000/2\n");
    assert_eq!((codec, payload), (Codec::Opus, 96));
    assert!(text.contains("RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 "), "{text}");
    assert_eq!((chosen("9 0").0, chosen("9 0\na=rtpmap:9 G722/8000\n").1), (Codec::G722, 9));
    assert_eq!(chosen("97 8\na=rtpmap:97 PCMU/8000\n").1, 97);
    assert_eq!(chosen("111 96 0").0, Codec::Pcmu, "a dynamic number says nothing by itself");
    assert_eq!(chosen("96 0\na=rtpmap:96 PCMA/16000\n").0, Codec::Pcmu, "another clock is another codec");
    let again = accept(&offer(&ours), &ours).unwrap();
    assert_eq!(again.codec, Codec::Pcmu);
}

#[test]
fn streams_we_do_not_use_are_refused_in_place() {
    let (text, agreed) = answered(
        "v=0\r\nc=IN IP4 10.0.0.1\r\nm=video 5000 RTP/AVP 31\r\nm=audio 5002 RTP/SAVP 0\r\n\
         m=audio 6000 RTP/AVP 8\r\nm=audio 6002 RTP/AVP 8\r\n",
    )
    .unwrap();
    assert_eq!(agreed.remote.port(), 6000);
    let lines: Vec<_> = text.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        lines,
        ["m=video 0 RTP/AVP 31", "m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 8", "m=audio 0 RTP/AVP 8"]
    );
}

#[test]
fn hold_is_understood_both_ways() {
    let held = |c: &str, a: &str| {
        answered(&format!("v=0\r\nc=IN IP4 {c}\r\nm=audio 6000 RTP/AVP 8\r\n{a}")).unwrap().1.direction
    };
    assert_eq!(held("10.0.0.1", "a=sendonly\r\n"), Direction::RecvOnly);
    assert_eq!(held("10.0.0.1", "a=inactive\r\n"), Direction::Inactive);
    assert_eq!(held("0.0.0.0", ""), Direction::RecvOnly);
    assert_eq!(held("0.0.0.0", "a=recvonly\r\n"), Direction::Inactive);
    assert_eq!(held("10.0.0.1", ""), Direction::SendRecv);
}

#[test]
fn a_fault_says_what_is_wrong() {
    for (text, why) in [
        ("", SdpError::NotSdp),
        ("v=0\r\n", SdpError::NoAudio),
        ("v=0\r\nm=audio 0 RTP/AVP 8\r\n", SdpError::Refused),
        ("v=0\r\nc=IN IP4 host.example\r\nm=audio 1 RTP/AVP 8\r\n", SdpError::NoAddress),
        ("v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 1 RTP/AVP 18\r\n", SdpError::NoCodec),
        ("v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 1 RTP/AVP 8\r\na=rtpmap:8 G722/8000\r\n", SdpError::NoCodec),
    ] {
        assert_eq!(answered(text).unwrap_err(), why, "{text}");
    }
}

#[test]
fn rtcp_shares_the_port_if_both_say_so_and_goes_to_the_next_or_the_one_named_if_not() {
    let (text, agreed) = answered("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\na=rtcp-mux\n").unwrap();
    assert!(text.contains("a=rtcp-mux\r\n") && agreed.rtcp.is_none());
    let rtcp = |more: &str| {
        let (text, agreed) =
            answered(&format!("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n{more}")).unwrap();
        assert!(!text.contains("rtcp-mux"), "not offered, so not answered (RFC 5761 §5.1.1)");
        agreed.rtcp.unwrap().to_string()
    };
    assert_eq!(rtcp(""), "10.0.0.1:6001");
    assert_eq!(rtcp("a=rtcp:7007\n"), "10.0.0.1:7007");
    assert_eq!(rtcp("a=rtcp:7007 IN IP4 10.0.0.2\n"), "10.0.0.2:7007");
    assert_eq!(rtcp("a=rtcp:x\n"), "10.0.0.1:6001");
}

#[test]
fn ipv6_goes_both_ways() {
    let addr: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
    let text = offer(&Local { addr, ..local(Direction::SendRecv) });
    assert_eq!(accept(&text, &local(Direction::SendRecv)).unwrap().remote, addr);
}

#[test]
fn comfort_noise_is_agreed_on_where_it_is_offered_for_a_codec_of_its_clock_and_never_offered() {
    let agreed = |formats: &str| {
        let offer = format!("v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP {formats}");
        let ours = Local { codecs: &Codec::ALL, ..local(Direction::SendRecv) };
        let (text, agreed) = answer(offer.as_bytes(), &ours).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert_eq!(text.contains("a=rtpmap:13 CN/8000\r\n"), agreed.noise, "{text}");
        assert_eq!(text.lines().any(|l| l.starts_with("m=") && l.ends_with(" 13")), agreed.noise, "{text}");
        agreed.noise
    };
    assert!(agreed("0 13\n") && agreed("8 13\na=rtpmap:13 CN/8000\n") && agreed("9 13\n"));
    assert!(!agreed("0\n") && !agreed("0 13\na=rtpmap:13 CN/16000\n"));
    assert!(!agreed("96 13\na=rtpmap:96 opus/48000/2\n"), "Opus makes its own");
    let ours = local(Direction::SendRecv);
    assert!(!offer(&ours).windows(3).any(|w| w == b" 13"));
    let answered = "v=0\nc=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 8 13\n";
    assert!(!accept(answered.as_bytes(), &ours).unwrap().noise, "what was not offered cannot be taken");
}
