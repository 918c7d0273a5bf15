//! Each rule of the watch on virtual time: the limit passes, one more does not.

use super::*;

const AT: Now = Now(1_000_000);
const S: Duration = Duration::from_secs(1);

fn ip(n: u32) -> IpAddr {
    std::net::Ipv4Addr::from_bits(n).into()
}

#[test]
fn a_burst_passes_one_more_does_not_and_a_second_later_there_is_room_again() {
    let mut w = Watch::default();
    let (requests, calls) = (w.rules.requests_per_s * BURST_S, w.rules.calls_per_s * BURST_S);
    for n in 0..requests {
        assert!(w.request(AT, ip(1)), "{n}");
    }
    assert!(!w.request(AT, ip(1)) && w.request(AT, ip(2)), "each source for itself");
    assert_eq!((0..100).filter(|_| w.request(AT + S, ip(1))).count(), w.rules.requests_per_s as usize);
    assert_eq!((0..1000).filter(|_| w.call(AT, ip(1))).count(), calls as usize);
}

#[test]
fn strikes_up_to_the_limit_are_borne_and_one_more_is_a_ban_that_doubles() {
    let mut w = Watch::default();
    let strike = |w: &mut Watch, at| (0..=w.rules.failures).for_each(|_| w.strike(at, ip(1), "guessing"));
    for _ in 0..w.rules.failures {
        w.strike(AT, ip(1), "guessing");
    }
    assert!(!w.banned(AT, ip(1)));
    w.strike(AT, ip(1), "guessing");
    assert!(w.banned(AT, ip(1)) && !w.banned(AT, ip(2)));
    let mut at = AT;
    for n in 0..12 {
        let left = w.bans(at)[0].left;
        assert_eq!(left, (w.rules.ban * 2u32.pow(n)).min(BAN_MAX), "the {n}th");
        at = at + left;
        assert!(!w.banned(at, ip(1)));
        strike(&mut w, at);
    }
    assert_eq!(w.news().len(), 13);
    let later = at + BAN_MAX * 2;
    strike(&mut w, later);
    assert_eq!(w.bans(later)[0].times, 1, "long ago is forgotten");
    assert!(w.unban(later, ip(1)) && !w.banned(later, ip(1)) && !w.unban(later, ip(1)));
}

#[test]
fn who_errs_once_a_minute_is_never_banned() {
    let mut w = Watch::default();
    for n in 0..1000 {
        w.strike(AT + FORGIVE * n, ip(1), "forgetful");
    }
    assert_eq!(w.bans(AT + FORGIVE * 1000), []);
}

#[test]
fn a_million_sources_take_bounded_memory_and_bans_stay() {
    let mut w = Watch::default();
    w.ban(AT, ip(0), None, "first");
    for n in 1..1_000_000 {
        let at = Now(AT.0 + u64::from(n));
        assert!(w.request(at, ip(n)));
        w.strike(at, ip(n), "sweeping");
        assert!(w.sources() <= SIP_SOURCES_MAX);
    }
    assert!(w.banned(AT + S, ip(0)));
    for n in 0..SIP_BANS_MAX as u32 + 100 {
        w.ban(AT + S + Duration::from_micros(n.into()), ip(n + 1), None, "many");
    }
    assert_eq!(w.bans(AT + S).len(), SIP_BANS_MAX);
    assert!(!w.banned(AT + S, ip(0)), "the oldest has made room");
}

#[test]
fn what_is_used_outlives_a_flood_of_others() {
    let mut w = Watch::default();
    for n in 0..SIP_SOURCES_MAX as u32 * 2 {
        w.request(AT, ip(n + 2));
        if n % 1000 == 0 {
            w.call(AT, ip(1));
        }
    }
    let burst = w.rules.calls_per_s * BURST_S;
    let so_far = (SIP_SOURCES_MAX as u32 * 2).div_ceil(1000);
    assert!(so_far > burst && !w.call(AT, ip(1)), "its calls are remembered");
}

#[test]
fn a_source_of_ipv6_is_its_64_and_a_mapped_address_is_the_one_of_ipv4() {
    let mut w = Watch::default();
    w.ban(AT, "2001:db8::1".parse().unwrap(), None, "x");
    w.ban(AT, "::ffff:192.0.2.1".parse().unwrap(), None, "x");
    assert!(w.banned(AT, "2001:db8::ffff:1".parse().unwrap()));
    assert!(!w.banned(AT, "2001:db8:0:1::1".parse().unwrap()));
    assert!(w.banned(AT, "192.0.2.1".parse().unwrap()));
    let shown: Vec<String> = w.bans(AT).into_iter().map(|b| b.source).collect();
    assert_eq!(shown, ["192.0.2.1", "2001:db8::/64"]);
}

#[test]
fn an_account_that_is_guessed_at_is_closed_until_the_guesses_have_cooled_down() {
    let mut w = Watch::default();
    for _ in 0..GUESSES - 1 {
        w.guess(AT, "1001");
    }
    assert!(!w.guessed_at(AT, "1001"));
    w.guess(AT, "1001");
    assert!(w.guessed_at(AT, "1001") && !w.guessed_at(AT, "1002"));
    assert!(!w.guessed_at(AT + GUESS_EVERY, "1001"));
}

#[test]
fn a_queue_that_stands_is_overload_and_one_that_empties_is_not() {
    let mut w = Watch::default();
    w.backlog(AT, false);
    w.backlog(AT + S / 10, true);
    assert!(!w.overloaded(AT + (w.rules.overload - Duration::from_micros(1))));
    assert!(w.overloaded(AT + w.rules.overload));
    w.backlog(AT + S, false);
    w.backlog(AT + S, true);
    assert!(!w.overloaded(AT + S));
}

#[test]
fn scanners_are_known_by_name_and_phones_are_not_scanners() {
    let w = Watch::new(Rules { agents: vec!["badphone".into()], ..Rules::default() });
    for agent in ["friendly-scanner", "SIPVicious/0.3", "sipcli/v1.8", "pplsip", "BadPhone 7"] {
        assert!(w.scanner(agent), "{agent}");
    }
    for agent in ["baresip v1.0", "Linphone/5", "Yealink SIP-T46S", "Asterisk PBX", "trunkline/0.1"] {
        assert!(!w.scanner(agent), "{agent}");
    }
}

#[test]
fn bans_survive_a_restart_and_the_next_of_a_source_is_longer_all_the_same() {
    let rules = Rules { ban: Duration::from_secs(600), ..Rules::default() };
    let mut old = Watch::new(rules.clone());
    let before = Epoch { unix_ms: 1_000_000 };
    old.ban(AT, ip(1), None, "scanner");
    old.ban(AT, ip(2), Some(Duration::from_secs(1)), "by hand");
    let json = serde_json::to_string(&old.kept(AT + S, before)).unwrap();
    // A hundred seconds later another process takes it up.
    let after = Epoch { unix_ms: before.unix_ms_at(AT) + 100_000 };
    let mut new = Watch::new(rules);
    new.take_up(serde_json::from_str(&json).unwrap(), after);
    let bans = new.bans(Now(0));
    assert_eq!((bans.len(), bans[0].source.as_str(), &*bans[0].why), (1, "0.0.0.1", "scanner"));
    assert_eq!((bans[0].left.as_secs(), bans[0].times), (500, 1));
    assert!(new.news().is_empty() && new.banned(Now(0), ip(1)) && !new.banned(Now(0), ip(2)));
    new.ban(Now(0), ip(2), None, "scanner");
    assert_eq!(new.news()[0].left.as_secs(), 1200, "its second");
}
