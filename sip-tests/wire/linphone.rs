//! linphonec as an independent phone with two lines: it holds, resumes, and transfers attended (RFC 5589 §7).
//!
//! Driven over stdin, without a sound card (`soundcard use files`), with a home and a configuration of its own.

use super::server::{Server, have, wait_for};
use super::sipp::free_port;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// One phone of an agent.
pub(crate) struct Linphone {
    child: Child,
    commands: ChildStdin,
    log: PathBuf,
}

/// True if there is such a phone; says so in one line if not.
pub(crate) fn have_linphone() -> bool {
    have("linphonec", "linphone-cli")
}

impl Linphone {
    /// Starts a phone that registers as agent `user`.
    pub(crate) fn start(server: &Server, name: &str, user: &str) -> Linphone {
        let folder = server.folder.join(name);
        // It makes its data base only where the folder for it is.
        fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        let (sip, rtp, at, password) = (free_port(), free_port(), server.sip, server.password(user));
        let config = format!(
            "[sip]\nsip_port={sip}\nsip_tcp_port=0\nsip_tls_port=0\nuse_ipv6=0\ndefault_proxy=0\n\
             [rtp]\naudio_rtp_port={rtp}\n\
             [auth_info_0]\nusername={user}\npasswd={password}\nrealm=*\n\
             [proxy_0]\nreg_proxy=<sip:{at};transport=udp>\nreg_identity=sip:{user}@{at}\nreg_expires=300\n\
             reg_sendregister=1\npublish=0\n"
        );
        let file = folder.join("linphonerc");
        fs::write(&file, config).unwrap();
        let log = folder.join("log");
        let out = fs::File::create(&log).unwrap();
        let mut child = Command::new("linphonec")
            .arg("-c")
            .arg(file)
            .env("HOME", &folder)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut phone = Linphone { child, commands, log };
        server.wait_state(user, "ready");
        phone.command("soundcard use files");
        phone
    }

    /// Types one command.
    pub(crate) fn command(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
    }

    /// Waits until it has said `what` so many times.
    pub(crate) fn wait_said(&self, what: &str, times: usize) {
        wait_for(&format!("linphonec to say {times} times: {what}"), Duration::from_secs(10), || {
            let said = fs::read_to_string(&self.log).unwrap_or_default().matches(what).count();
            (said >= times).then_some(())
        });
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- linphonec\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
