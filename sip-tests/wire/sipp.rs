//! SIPp as a caller, and as an agent's phone.

use super::server::{Server, have};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Between the media ports of servers and phones, below, and the ephemeral ones.
const PORTS: std::ops::Range<u16> = 30_000..32_768;

/// A SIPp that runs a scenario of `sip-tests/scenarios/`.
pub(crate) struct Sipp {
    child: Child,
    scenario: String,
    trace: std::path::PathBuf,
}

/// An even port that is free over UDP and TCP and that no other test is given before it is taken, as an ephemeral one could
/// be. The next is its owner's, too: baresip takes it for TLS, and phones for RTCP.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    (0..PORTS.len())
        .map(|_| {
            let nth = std::process::id().wrapping_mul(101).wrapping_add(NEXT.fetch_add(1, Relaxed));
            PORTS.start + (nth % (PORTS.len() as u32 / 2)) as u16 * 2
        })
        .find(|port| {
            UdpSocket::bind(("127.0.0.1", *port)).is_ok() && TcpListener::bind(("127.0.0.1", *port)).is_ok()
        })
        .expect("a port is free")
}

impl Sipp {
    /// Starts `scenario` with `-p port` and more arguments, towards the server.
    pub(crate) fn start(server: &Server, scenario: &str, port: u16, more: &[&str]) -> Sipp {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-tests/scenarios").join(format!("{scenario}.xml"));
        let trace = server.folder.join(format!("{scenario}-{port}.trace"));
        let child = Command::new("sipp")
            .arg(server.sip.to_string())
            .arg("-sf")
            .arg(file)
            .args([
                "-i",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-nostdin",
                "-timeout",
                "40s",
                "-timeout_error",
            ])
            .args(["-trace_err", "-error_file"])
            .arg(&trace)
            .args(more)
            .current_dir(&server.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Sipp { child, scenario: scenario.into(), trace }
    }

    /// Waits for the scenario to end; true if every call of it went as written.
    pub(crate) fn ends_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// Waits for the scenario to end and asserts that every call of it went as written.
    pub(crate) fn succeed(mut self) {
        let well = self.ends_well();
        let errors = std::fs::read_to_string(&self.trace).unwrap_or_default();
        assert!(well, "SIPp {} did not go as written:\n{errors}", self.scenario);
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One call of a caller's scenario to `number`.
pub(crate) fn caller(server: &Server, scenario: &str, number: &str) -> Sipp {
    Sipp::start(server, scenario, free_port(), &["-m", "1", "-s", number])
}

/// Registers `user` from a port, and then runs `scenario` on that port as its phone.
pub(crate) fn agent(server: &Server, user: &str, scenario: &str) -> Sipp {
    let port = free_port();
    let password = server.password(user);
    let args = ["-m", "1", "-s", user, "-au", user, "-ap", &password];
    Sipp::start(server, "register", port, &args).succeed();
    server.wait_state(user, "ready");
    Sipp::start(server, scenario, port, &["-m", "1"])
}

/// The same for an agent who is registered but not ready: says ready first.
pub(crate) fn agent_again(server: &Server, user: &str, scenario: &str) -> Sipp {
    let port = free_port();
    let password = server.password(user);
    let args = ["-m", "1", "-s", user, "-au", user, "-ap", &password];
    Sipp::start(server, "register", port, &args).succeed();
    let phone = Sipp::start(server, scenario, port, &["-m", "1"]);
    // SIPp binds its port within this time; an INVITE before that would be repeated anyway.
    std::thread::sleep(std::time::Duration::from_millis(300));
    server.command(&["agents", "--ready", user]);
    phone
}

/// True if SIPp calls can be made; says so in one line if not.
pub(crate) fn have_sipp() -> bool {
    have("sipp", "sip-tester") && have("espeak-ng", "espeak-ng")
}
