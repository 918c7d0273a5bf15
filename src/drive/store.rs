//! The call records on disk: SQLite in WAL mode, written by a thread of its own, read by the command line. The same thread
//! writes down what is to survive a restart, a file beside it: signalling never waits for the disk.
//!
//! One table; the columns are what one searches by, the record itself is JSON, so that an old record stays readable
//! whatever is added to it.

use crate::acd::{AcdEvent, Checkpoint};
use crate::base::CallId;
use crate::call::{Cdr, Kept};
use crate::drive::files::write_private;
use crate::sip::KeptBan;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{error, warn};

const FILE: &str = "calls.db";
const KEPT: &str = "acd.json";
const BANS: &str = "bans.json";
/// Records waiting to be written. When the disk stands still for longer than this lasts, the newest are lost and said
/// so; calls are not.
const WAITING_MAX: usize = 10_000;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS calls (
        id INTEGER PRIMARY KEY,
        sip_call_id TEXT NOT NULL,
        started_unix_ms INTEGER NOT NULL,
        line TEXT NOT NULL,
        result TEXT NOT NULL,
        agent TEXT,
        record TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS calls_by_sip_call_id ON calls (sip_call_id);
    CREATE INDEX IF NOT EXISTS calls_by_start ON calls (started_unix_ms);
    CREATE TABLE IF NOT EXISTS events (at_unix_ms INTEGER NOT NULL, event TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS events_by_time ON events (at_unix_ms);
    CREATE TABLE IF NOT EXISTS figures (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        until_row INTEGER NOT NULL,
        checkpoint TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS audit (
        at_unix_ms INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL
    );
";

/// The store's file in the data folder.
pub fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Something to be kept.
#[derive(Debug)]
pub enum Row {
    Call(Box<Cdr>),
    /// What happened in the ACD, and when, in ms since 1970.
    Acd(u64, AcdEvent),
    /// The figures of all events handed over before.
    Figures(Box<Checkpoint>),
    Audit(Audited),
    /// In place of what was kept before.
    Kept(Box<Kept>),
    /// The same of bans.
    Bans(Vec<KeptBan>),
}

/// Something that a supervisor did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    pub at_unix_ms: u64,
    /// The user on this machine who asked.
    pub uid: u32,
    /// The action as JSON.
    pub action: String,
    /// What came of it.
    pub outcome: String,
}

/// The writing end. Dropping it writes what waits and closes the file.
#[derive(Debug)]
pub struct Writer {
    queue: Option<mpsc::SyncSender<Row>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens (or creates) the store; also gives the number that the next call gets.
    ///
    /// # Errors
    /// When the file cannot be opened or is not a store.
    pub fn open(data: &Path) -> rusqlite::Result<(Writer, CallId)> {
        let db = Connection::open(file(data))?;
        db.busy_timeout(Duration::from_secs(5))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.execute_batch(SCHEMA)?;
        let last: Option<i64> = db.query_row("SELECT max(id) FROM calls", [], |row| row.get(0))?;
        let folder = data.to_owned();
        let (queue, waiting) = mpsc::sync_channel::<Row>(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || {
                for row in waiting {
                    if let Err(error) = write(&db, &folder, &row) {
                        error!(%error, "a record could not be written");
                    }
                }
            })
            .ok();
        let next = CallId(last.and_then(|n| u64::try_from(n).ok()).unwrap_or(0) + 1);
        Ok((Writer { queue: Some(queue), thread }, next))
    }

    /// Hands something to the writer.
    pub fn write(&self, row: Row) {
        if self.queue.as_ref().is_none_or(|q| q.try_send(row).is_err()) {
            error!("a record is lost: the store does not keep up");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(db: &Connection, data: &Path, row: &Row) -> Result<(), Box<dyn std::error::Error>> {
    match row {
        Row::Call(cdr) => return write_call(db, cdr),
        Row::Kept(state) => return keep(&data.join(KEPT), state),
        Row::Bans(bans) => return keep(&data.join(BANS), bans),
        Row::Acd(at, event) => db
            .prepare_cached("INSERT INTO events VALUES (?1, ?2)")?
            .execute(params![*at as i64, serde_json::to_string(event)?])?,
        Row::Figures(figures) => db
            .prepare_cached(
                "INSERT OR REPLACE INTO figures SELECT 1, coalesce(max(rowid), 0), ?1 FROM events",
            )?
            .execute([serde_json::to_string(figures)?])?,
        Row::Audit(a) => db.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            a.at_unix_ms as i64,
            a.uid,
            a.action,
            a.outcome
        ])?,
    };
    Ok(())
}

/// Whole, or not at all.
fn keep(file: &Path, kept: &impl Serialize) -> Result<(), Box<dyn std::error::Error>> {
    let new = file.with_extension("json.new");
    let json = serde_json::to_vec(kept)?;
    let written = write_private(&new, &json).and_then(|()| std::fs::rename(&new, file));
    written.map_err(|e| format!("{}: {e}", file.display()).into())
}

/// What was kept when the server last ran. What cannot be read is said and left behind.
pub fn kept(data: &Path) -> Option<Kept> {
    read(&data.join(KEPT))
}

/// The bans that were kept, in the same way.
pub fn bans(data: &Path) -> Vec<KeptBan> {
    read(&data.join(BANS)).unwrap_or_default()
}

fn read<T: DeserializeOwned>(file: &Path) -> Option<T> {
    let json = std::fs::read(file).ok()?;
    let kept = serde_json::from_slice(&json);
    kept.inspect_err(|error| warn!("{} is not taken up: {error}", file.display())).ok()
}

fn write_call(db: &Connection, cdr: &Cdr) -> Result<(), Box<dyn std::error::Error>> {
    let record = serde_json::to_string(cdr)?;
    let result = serde_json::to_value(cdr.result)?;
    db.prepare_cached("INSERT OR REPLACE INTO calls VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![
            cdr.id.0 as i64,
            cdr.sip_call_id,
            cdr.started_unix_ms as i64,
            cdr.line,
            result.as_str(),
            cdr.agent,
            record
        ],
    )?;
    Ok(())
}

/// The reading end, for the command line; works while the server writes, and when it is not running.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
}

impl Reader {
    /// Opens the store of a data folder.
    ///
    /// # Errors
    /// When there is none yet, or it cannot be read.
    pub fn open(data: &Path) -> rusqlite::Result<Reader> {
        let db = Connection::open_with_flags(file(data), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.busy_timeout(Duration::from_secs(5))?;
        Ok(Reader { db })
    }

    /// The newest records, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest(&self, count: usize) -> rusqlite::Result<Vec<Cdr>> {
        let mut query = self.db.prepare("SELECT record FROM calls ORDER BY id DESC LIMIT ?1")?;
        let rows = query.query_map([count as i64], |row| row.get::<_, String>(0))?;
        // A record that cannot be read (of a newer version) is left out rather than hiding the others.
        Ok(rows.flatten().filter_map(|json| serde_json::from_str(&json).ok()).collect())
    }

    /// The records of calls that began in this time, oldest first. Times in ms since 1970.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn between(&self, from_unix_ms: u64, to_unix_ms: u64) -> rusqlite::Result<Vec<Cdr>> {
        let sql = "SELECT record FROM calls WHERE started_unix_ms >= ?1 AND started_unix_ms < ?2 \
                   ORDER BY started_unix_ms, id";
        let mut query = self.db.prepare(sql)?;
        let times = [from_unix_ms, to_unix_ms].map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        let rows = query.query_map(times, |row| row.get::<_, String>(0))?;
        Ok(rows.flatten().filter_map(|json| serde_json::from_str(&json).ok()).collect())
    }

    /// The newest checkpoint of the figures, and the number of the last event that is in it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn figures(&self) -> rusqlite::Result<Option<(i64, Checkpoint)>> {
        let sql = "SELECT until_row, checkpoint FROM figures";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
        let found = self.db.query_row(sql, [], row).optional()?;
        Ok(found.and_then(|(row, json)| Some((row, serde_json::from_str(&json).ok()?))))
    }

    /// When the last thing happened in the ACD, in ms since 1970.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn last_event_at(&self) -> rusqlite::Result<Option<u64>> {
        let sql = "SELECT at_unix_ms FROM events ORDER BY rowid DESC LIMIT 1";
        self.db.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? as u64)).optional()
    }

    /// What happened in the ACD after the event of that number (0: all), in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn events(&self, after_row: i64) -> rusqlite::Result<Vec<(u64, AcdEvent)>> {
        let sql = "SELECT at_unix_ms, event FROM events WHERE rowid > ?1 ORDER BY rowid";
        let mut query = self.db.prepare(sql)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, String>(1)?));
        let rows = query.query_map([after_row], row)?;
        Ok(rows.flatten().filter_map(|(at, json)| Some((at, serde_json::from_str(&json).ok()?))).collect())
    }

    /// What supervisors have done, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn audit(&self, count: usize) -> rusqlite::Result<Vec<Audited>> {
        let sql = "SELECT at_unix_ms, uid, action, outcome FROM audit ORDER BY rowid DESC LIMIT ?1";
        let mut query = self.db.prepare(sql)?;
        let rows = query.query_map([count as i64], |row| {
            let at_unix_ms = row.get::<_, i64>(0)? as u64;
            Ok(Audited { at_unix_ms, uid: row.get(1)?, action: row.get(2)?, outcome: row.get(3)? })
        })?;
        Ok(rows.flatten().collect())
    }

    /// One record, by its number or its SIP Call-ID.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find(&self, id: &str) -> rusqlite::Result<Option<Cdr>> {
        let number: i64 = id.parse().unwrap_or(-1);
        let sql = "SELECT record FROM calls WHERE id = ?1 OR sip_call_id = ?2 ORDER BY id DESC LIMIT 1";
        let json: Option<String> =
            self.db.query_row(sql, params![number, id], |row| row.get(0)).optional()?;
        Ok(json.and_then(|j| serde_json::from_str(&j).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Pii;
    use crate::call::{EndedBy, Result as CallResult};

    fn cdr(id: u64) -> Cdr {
        Cdr {
            sip_call_id: format!("sip-{id}"),
            line: "city".into(),
            caller: Pii::new("138".into()),
            started_unix_ms: 5,
            result: CallResult::Served,
            ended_by: EndedBy::Line,
            ..Cdr::new(CallId(id))
        }
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_what_cannot_be_read_is_left() {
        let folder = std::env::temp_dir().join(format!("trunkline-kept-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(kept(&folder), None);
        let (writer, _) = Writer::open(&folder).unwrap();
        writer.write(Row::Kept(Box::default()));
        drop(writer);
        assert_eq!(kept(&folder), Some(Kept::default()));
        std::fs::write(folder.join(KEPT), "{").unwrap();
        assert_eq!(kept(&folder), None);
        let ban = r#"[{"source":"192.0.2.1","why":"scanner","until_unix_ms":1,"times":2}]"#;
        let ban: Vec<KeptBan> = serde_json::from_str(ban).unwrap();
        assert_eq!(bans(&folder), []);
        Writer::open(&folder).unwrap().0.write(Row::Bans(ban.clone()));
        assert_eq!(bans(&folder), ban);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn records_survive_a_restart_and_numbers_go_on() {
        let folder = std::env::temp_dir().join(format!("trunkline-store-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (writer, first) = Writer::open(&folder).unwrap();
        assert_eq!(first, CallId(1));
        writer.write(Row::Call(Box::new(cdr(1))));
        writer.write(Row::Call(Box::new(cdr(2))));
        drop(writer);
        let (writer, next) = Writer::open(&folder).unwrap();
        assert_eq!(next, CallId(3));
        let reader = Reader::open(&folder).unwrap();
        assert_eq!(reader.newest(1).unwrap()[0].id, CallId(2));
        assert_eq!(reader.find("1").unwrap(), Some(cdr(1)));
        assert_eq!(reader.find("sip-2").unwrap().unwrap().id, CallId(2));
        assert_eq!(reader.find("nothing").unwrap(), None);
        assert_eq!(reader.between(5, 6).unwrap(), [cdr(1), cdr(2)]);
        assert_eq!(reader.between(6, u64::MAX).unwrap(), []);
        drop(writer);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
