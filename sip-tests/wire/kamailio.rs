//! Kamailio as proxies in front of the server: each records its route twice, once for each transport it speaks.
//!
//! ```text
//!  caller, agent ── TCP ──► outer ── UDP ──► inner ── UDP ──► trunkline
//! ```

use super::baresip::{Baresip, have_baresip, hear_each_other};
use super::server::{Server, have, record, wait_for};
use super::sipp::free_port;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use trunkline::call::{EndedBy, Result as Ending};

/// Passes everything on to `next` but for what comes from there; REGISTER with a Path (RFC 3327).
const ROUTES: &str = r#"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "path.so"
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        if (is_method("ACK") && t_check_trans()) { t_relay(); }
        if (!is_method("ACK")) { sl_send_reply("404", "Not Here"); }
        exit;
    }
    t_check_trans();
    if ($sp == NEXT_PORT) {
        loose_route();
        record_route();
        t_relay();
        exit;
    }
    if (is_method("REGISTER")) { add_path(); } else { record_route(); }
    $du = "sip:127.0.0.1:NEXT_PORT;transport=udp";
    t_relay();
}
"#;

/// One proxy.
struct Kamailio {
    child: Child,
    addr: SocketAddr,
}

impl Kamailio {
    fn start(server: &Server, name: &str, next: SocketAddr) -> Kamailio {
        let folder = server.folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        let config = format!(
            "#!KAMAILIO\ndebug=2\nlog_stderror=yes\nchildren=1\ntcp_children=1\nauto_aliases=no\ndisable_tcp=no\n\
             dns=no\nrev_dns=no\nlisten=udp:127.0.0.1:{port}\nlisten=tcp:127.0.0.1:{port}\n{}",
            ROUTES.replace("NEXT_PORT", &next.port().to_string())
        );
        fs::write(folder.join("kamailio.cfg"), config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "16", "-M", "4", "-f"])
            .arg(folder.join("kamailio.cfg"))
            .arg("-Y")
            .arg(&folder)
            .arg("-P")
            .arg(folder.join("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        wait_for("Kamailio to listen", Duration::from_secs(8), || TcpStream::connect(addr).ok());
        Kamailio { child, addr }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its children end with it if it is told to end, not if it is killed.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn have_all() -> bool {
    have("kamailio", "kamailio") && have_baresip()
}

/// Server, proxies, caller and agent; the agent rings.
struct Behind {
    server: Server,
    _proxies: [Kamailio; 2],
    caller: Baresip,
    agent: Baresip,
}

fn ringing(agents_way: &str) -> Behind {
    let server = Server::start(&[]);
    let inner = Kamailio::start(&server, "inner", server.sip);
    let outer = Kamailio::start(&server, "outer", inner.addr);
    let at = format!("{};transport={agents_way}", outer.addr);
    let agent = Baresip::start_over(&server, "agent", Some("1001"), &at, "");
    server.wait_state("1001", "ready");
    let tcp = format!("{};transport=tcp", outer.addr);
    let caller = Baresip::start_over(&server, "caller", None, &tcp, "");
    caller.choose(&server, &format!("sip:12345@{tcp}"));
    agent.wait_event("CALL_INCOMING");
    Behind { server, _proxies: [inner, outer], caller, agent }
}

fn talking(agents_way: &str) -> Behind {
    let behind = ringing(agents_way);
    behind.agent.command("accept", "");
    behind.caller.wait_event("CALL_ESTABLISHED");
    behind.server.wait_log("Bridged");
    std::thread::sleep(Duration::from_secs(6));
    behind
}

#[test]
fn a_caller_behind_two_proxies_talks_with_an_agent_behind_them_and_hangs_up() {
    if !have_all() {
        return;
    }
    let Behind { server, _proxies, caller, agent } = talking("udp");
    caller.command("hangup", "");
    agent.wait_event("CALL_CLOSED");
    let cdr = record(&server);
    assert_eq!(
        (cdr.result, cdr.ended_by, cdr.agent.as_deref()),
        (Ending::Connected, EndedBy::Caller, Some("1001"))
    );
    hear_each_other(caller, agent);
}

#[test]
fn an_agent_behind_two_proxies_hangs_up() {
    if !have_all() {
        return;
    }
    let Behind { server, _proxies, caller, agent } = talking("tcp");
    agent.command("hangup", "");
    caller.wait_event("CALL_CLOSED");
    let cdr = record(&server);
    assert_eq!((cdr.result, cdr.ended_by), (Ending::Connected, EndedBy::Agent));
    hear_each_other(caller, agent);
}

#[test]
fn a_caller_who_hangs_up_stops_the_ringing_behind_two_proxies() {
    if !have_all() {
        return;
    }
    let Behind { server, _proxies, caller, agent } = ringing("udp");
    caller.command("hangup", "");
    agent.wait_event("CALL_CLOSED");
    assert_eq!(record(&server).result, Ending::Abandoned);
    server.wait_state("1001", "ready");
}

#[test]
fn hold_and_resume_pass_two_proxies() {
    if !have_all() {
        return;
    }
    let Behind { server, _proxies, caller, agent } = talking("tcp");
    caller.command("hold", "");
    server.wait_log("Held");
    caller.command("resume", "");
    server.wait_log("Resumed");
    caller.command("hangup", "");
    agent.wait_event("CALL_CLOSED");
    assert_eq!(record(&server).result, Ending::Connected);
}
