//! Tickets: kept in the store's file, and posted to where their kind goes until somebody takes them.
//!
//! A thread of its own: signalling waits neither for the disk nor for a webhook. What has not been taken when the server stops
//! is posted after the next start; a ticket may arrive twice, with the same `Idempotency-Key`.

use super::{http, store};
use crate::base::Pii;
use crate::call::TicketRecord;
use crate::limits::{TICKET_POST_MAX, TICKET_TRIED_FOR};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS tickets (
        number INTEGER PRIMARY KEY,
        at_unix_ms INTEGER NOT NULL,
        line TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        tries INTEGER NOT NULL,
        next_unix_ms INTEGER NOT NULL,
        record TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS tickets_by_state ON tickets (state, next_unix_ms);
";

/// Where tickets go and with which headers, by line and kind. A kind that is not there is only kept.
pub type Webhooks = BTreeMap<(String, String), (String, Vec<(String, Pii<String>)>)>;

/// How far a ticket has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Kept, and posted nowhere.
    Kept,
    /// To be posted, or to be posted again.
    Waiting,
    /// The webhook has taken it.
    Taken,
    /// The webhook did not take it for too long.
    GivenUp,
}

impl State {
    const ALL: [(State, &'static str); 4] = [
        (State::Kept, "kept"),
        (State::Waiting, "waiting"),
        (State::Taken, "taken"),
        (State::GivenUp, "given-up"),
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(s, _)| *s == self).map_or("", |(_, name)| name)
    }
}

/// A ticket and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    pub state: State,
    /// How often it was posted.
    pub tries: u32,
    pub ticket: TicketRecord,
}

enum Message {
    New(Box<TicketRecord>),
    Webhooks(Webhooks),
}

/// The writing end. Dropping it keeps what waits and ends the thread.
#[derive(Debug)]
pub struct Tickets {
    queue: Option<mpsc::UnboundedSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Tickets {
    /// Begins where the last run ended.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread begun.
    pub fn start(data: &Path, webhooks: Webhooks) -> Result<Tickets, String> {
        let db = open(data).map_err(|e| format!("{}: {e}", store::file(data).display()))?;
        let (queue, messages) = mpsc::unbounded_channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(post_all(&db, webhooks, messages)),
                Err(error) => error!(%error, "tickets are not kept"),
            }
        };
        let thread =
            std::thread::Builder::new().name("tickets".into()).spawn(work).map_err(|e| e.to_string())?;
        Ok(Tickets { queue: Some(queue), thread: Some(thread) })
    }

    /// Keeps a ticket, and has it posted.
    pub fn keep(&self, ticket: Box<TicketRecord>) {
        self.tell(Message::New(ticket));
    }

    /// Where tickets go from now on, those that wait too.
    pub fn webhooks(&self, webhooks: Webhooks) {
        self.tell(Message::Webhooks(webhooks));
    }

    fn tell(&self, message: Message) {
        if self.queue.as_ref().is_none_or(|q| q.send(message).is_err()) {
            error!("a ticket is lost: nobody keeps it");
        }
    }
}

impl Drop for Tickets {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(data: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(store::file(data))?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.execute_batch(SCHEMA)?;
    Ok(db)
}

/// The newest tickets, newest first.
///
/// # Errors
/// When the store cannot be read.
pub fn newest(data: &Path, count: usize) -> rusqlite::Result<Vec<Listed>> {
    let db = open(data)?;
    let mut query = db.prepare("SELECT state, tries, record FROM tickets ORDER BY number DESC LIMIT ?1")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?, row.get::<_, String>(2)?))
    };
    let rows = query.query_map([i64::try_from(count).unwrap_or(i64::MAX)], row)?;
    let listed = |(state, tries, record): (String, u32, String)| {
        let state = State::ALL.iter().find(|(_, name)| *name == state)?.0;
        Some(Listed { state, tries, ticket: serde_json::from_str(&record).ok()? })
    };
    Ok(rows.flatten().filter_map(listed).collect())
}

/// A ticket that is to be posted.
struct Due {
    number: i64,
    whose: (String, String),
    at_unix_ms: i64,
    tries: u32,
    /// When, in ms since 1970.
    next_unix_ms: i64,
    record: String,
}

async fn post_all(db: &Connection, mut webhooks: Webhooks, mut messages: mpsc::UnboundedReceiver<Message>) {
    loop {
        let due = next(db).unwrap_or_else(|error| {
            error!(%error, "tickets cannot be read");
            None
        });
        let wait = due.as_ref().map_or(i64::MAX, |d| d.next_unix_ms.saturating_sub(unix_ms()));
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0)).min(Duration::from_secs(3600));
        let post = async {
            tokio::time::sleep(wait).await;
            match &due {
                Some(due) if due.next_unix_ms <= unix_ms() => Some(post(due, &webhooks).await),
                _ => None,
            }
        };
        let result = tokio::select! {
            biased;
            message = messages.recv() => match message {
                None => return,
                Some(Message::Webhooks(new)) => {
                    webhooks = new;
                    continue;
                }
                Some(Message::New(ticket)) => {
                    let whose = (ticket.line.clone(), ticket.kind.clone());
                    if let Err(error) = insert(db, &ticket, webhooks.contains_key(&whose)) {
                        error!(%error, number = ticket.number, "a ticket could not be kept");
                    }
                    continue;
                }
            },
            result = post => result,
        };
        if let (Some(due), Some(result)) = (due, result)
            && let Err(error) = note(db, &due, result)
        {
            error!(%error, "what became of a ticket could not be kept");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn post(due: &Due, webhooks: &Webhooks) -> Result<(), String> {
    let (url, headers) = webhooks.get(&due.whose).ok_or("its webhook is no longer configured")?;
    let mut headers = headers.clone();
    headers.push(("Idempotency-Key".into(), Pii::new(format!("trunkline-{}", due.number))));
    let reply = http::fetch(url, Some(&due.record), &headers, TICKET_POST_MAX).await?;
    if (200..300).contains(&reply.status) { Ok(()) } else { Err(format!("status {}", reply.status)) }
}

fn unix_ms() -> i64 {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(unix.as_millis()).unwrap_or(i64::MAX)
}

fn insert(db: &Connection, ticket: &TicketRecord, post: bool) -> Result<(), Box<dyn std::error::Error>> {
    let state = if post { State::Waiting } else { State::Kept };
    db.prepare_cached("INSERT OR REPLACE INTO tickets VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6)")?.execute(
        params![
            ticket.number as i64,
            ticket.at_unix_ms as i64,
            ticket.line,
            ticket.kind,
            state.name(),
            serde_json::to_string(ticket)?
        ],
    )?;
    Ok(())
}

fn next(db: &Connection) -> rusqlite::Result<Option<Due>> {
    let sql = "SELECT number, line, kind, at_unix_ms, tries, next_unix_ms, record FROM tickets \
               WHERE state = 'waiting' ORDER BY next_unix_ms LIMIT 1";
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Due {
            number: row.get(0)?,
            whose: (row.get(1)?, row.get(2)?),
            at_unix_ms: row.get(3)?,
            tries: row.get(4)?,
            next_unix_ms: row.get(5)?,
            record: row.get(6)?,
        })
    };
    db.prepare_cached(sql)?.query_row([], row).optional()
}

fn note(db: &Connection, due: &Due, result: Result<(), String>) -> rusqlite::Result<()> {
    let tries = due.tries + 1;
    let tried_for = Duration::from_millis(u64::try_from(unix_ms() - due.at_unix_ms).unwrap_or(0));
    let (state, pause) = match result {
        Ok(()) => {
            info!(number = due.number, "a ticket was taken");
            (State::Taken, 0)
        }
        Err(why) if tried_for > TICKET_TRIED_FOR => {
            error!(number = due.number, "a ticket is given up: {why}");
            (State::GivenUp, 0)
        }
        Err(why) => {
            // 1, 2, 4 … seconds, up to an hour.
            let pause = (1i64 << tries.min(12).saturating_sub(1)).min(3600);
            warn!(number = due.number, tries, "a ticket is posted again in {pause} s: {why}");
            (State::Waiting, pause)
        }
    };
    let sql = "UPDATE tickets SET state = ?2, tries = ?3, next_unix_ms = ?4 WHERE number = ?1";
    db.prepare_cached(sql)?.execute(params![due.number, state.name(), tries, unix_ms() + pause * 1000])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Lang};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Instant;

    fn ticket(number: u64) -> Box<TicketRecord> {
        Box::new(TicketRecord {
            number,
            kind: "bulky".into(),
            line: "city".into(),
            version: "0".into(),
            call: CallId(number / 10),
            at_unix_ms: unix_ms() as u64,
            caller: Pii::new("138".into()),
            lang: Lang::Zh,
            intent: "bulky".into(),
            words: Some(Pii::new("收一个沙发".into())),
            values: Vec::new(),
        })
    }

    fn wait_for(data: &Path, state: State) -> Listed {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = newest(data, 1).unwrap().into_iter().find(|l| l.state == state) {
                return found;
            }
            assert!(Instant::now() < until, "{:?}", newest(data, 1));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_ticket_is_posted_until_it_is_taken_also_after_a_restart() {
        let data = std::env::temp_dir().join(format!("trunkline-tickets-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/new", listener.local_addr().unwrap());
        let webhooks = || {
            let header = ("authorization".to_owned(), Pii::new("token".to_owned()));
            Webhooks::from([(("city".into(), "bulky".into()), (url.clone(), vec![header]))])
        };
        // Down: the first answer is a 503.
        let serve = |status: &'static str| {
            let listener = listener.try_clone().unwrap();
            std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut octets, mut buffer) = (Vec::new(), [0; 4096]);
                while !octets.ends_with(b"}") {
                    let n = stream.read(&mut buffer).unwrap();
                    octets.extend_from_slice(&buffer[..n]);
                }
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
                String::from_utf8(octets).unwrap()
            })
        };
        let down = serve("503 Down");
        let tickets = Tickets::start(&data, webhooks()).unwrap();
        tickets.keep(ticket(11));
        down.join().unwrap();
        let waiting = loop {
            let listed = wait_for(&data, State::Waiting);
            if listed.tries > 0 {
                break listed;
            }
        };
        assert_eq!(waiting.tries, 1);
        drop(tickets);
        let up = serve("201 Created");
        let tickets = Tickets::start(&data, webhooks()).unwrap();
        let sent = up.join().unwrap();
        assert!(sent.to_lowercase().contains("idempotency-key: trunkline-11\r\n"), "{sent}");
        assert!(sent.contains("收一个沙发") && sent.contains("authorization: token"), "{sent}");
        assert_eq!(wait_for(&data, State::Taken).tries, 2);
        tickets.webhooks(Webhooks::new());
        tickets.keep(ticket(21));
        assert_eq!(wait_for(&data, State::Kept).ticket, *ticket_like(21, &data));
        drop(tickets);
        std::fs::remove_dir_all(data).unwrap();
    }

    /// The ticket with the time that it was kept with.
    fn ticket_like(number: u64, data: &Path) -> Box<TicketRecord> {
        let at_unix_ms = newest(data, 1).unwrap()[0].ticket.at_unix_ms;
        Box::new(TicketRecord { at_unix_ms, ..*ticket(number) })
    }
}
