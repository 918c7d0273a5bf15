//! Reading the dialplans anew, beside the thread that decides: files are read, intents learned and examples given to the sentence encoder
//! while calls go on. What was read is put in force in one step; a bad file changes nothing.

use super::Server;
use crate::base::Pii;
use crate::call;
use crate::config::Config;
use crate::drive::control::Answer;
use crate::drive::{files, tls};
use crate::nlu::Encoder;
use crate::sip;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{info, warn};

/// What was read.
pub(super) struct Loaded {
    config: Config,
    material: tls::Material,
    accounts: BTreeMap<String, Pii<String>>,
}

/// Work that is done beside, and who waits for it.
pub(super) struct Beside<T, W> {
    work: Option<JoinHandle<T>>,
    waiting: Vec<W>,
    /// Asked for since it began: it is done once more, for these.
    again: Option<Vec<W>>,
}

impl<T, W> Default for Beside<T, W> {
    fn default() -> Self {
        Beside { work: None, waiting: Vec::new(), again: None }
    }
}

impl<T: Send + 'static, W> Beside<T, W> {
    /// Begins with `work`, or has it done once more if it has begun: what it read may be out of date.
    pub(super) fn begin(&mut self, waiting: Vec<W>, work: impl FnOnce() -> T + Send + 'static) {
        if self.work.is_some() {
            return self.again.get_or_insert_default().extend(waiting);
        }
        self.waiting.extend(waiting);
        self.work = Some(spawn_blocking(work));
    }

    /// What came of it, once it is done; `None` if it panicked.
    pub(super) async fn done(&mut self) -> Option<T> {
        let Some(work) = &mut self.work else { return std::future::pending().await };
        let done = work.await;
        self.work = None;
        done.ok()
    }

    /// Who waited for what is done, and who for it to be done once more, if anybody wants that.
    pub(super) fn waited(&mut self) -> (Vec<W>, Option<Vec<W>>) {
        (std::mem::take(&mut self.waiting), self.again.take())
    }
}

/// Everything that a reload reads.
fn load(folder: &Path, data: &Path, encoder: Option<&Arc<dyn Encoder>>) -> Result<Loaded, String> {
    let mut config = files::load(folder)?;
    files::fill(folder, &mut config)?;
    let material = files::tls(folder, &config)?;
    let accounts = files::passwords(data, &config)?;
    encoder.into_iter().for_each(|encoder| config.understand_with(encoder));
    Ok(Loaded { config, material, accounts })
}

impl Server {
    /// Has the dialplans read anew; `asked` are told what came of it.
    pub(super) fn reload(&mut self, asked: Vec<Sender<Answer>>) {
        let (folder, data, encoder) = (self.options.config.clone(), self.data.clone(), self.encoder.clone());
        self.reloading.begin(asked, move || load(&folder, &data, encoder.as_ref()));
    }

    /// They have been read.
    pub(super) async fn reloaded(&mut self, loaded: Option<Result<Loaded, String>>) {
        let loaded = loaded.unwrap_or_else(|| Err("reading the dialplans failed: see the log".into()));
        let answer = match self.put_in_force(loaded).await {
            Ok(version) => {
                info!(version, "dialplans reloaded; running calls go on with theirs");
                Answer::Done(format!("dialplans {version} are in force for new calls"))
            }
            Err(problems) => {
                warn!("dialplans not reloaded, the old ones stay:\n{problems}");
                Answer::Error(problems)
            }
        };
        let (waited, again) = self.reloading.waited();
        for asked in waited {
            let _ = asked.try_send(answer.clone());
        }
        if let Some(asked) = again {
            self.reload(asked);
        }
    }

    async fn put_in_force(&mut self, loaded: Result<Loaded, String>) -> Result<String, String> {
        let Loaded { config, material, accounts } = loaded?;
        self.listen_anew(&config, material).await?;
        let version = config.version.clone();
        self.tickets.webhooks(files::webhooks(&config));
        self.config = Arc::new(config);
        self.endpoint.set_accounts(accounts);
        self.endpoint.set_rules(self.config.server.guard.rules(&self.config.server.trunks));
        self.step(call::Input::Reload(self.config.clone()));
        self.sip(sip::Input::Tick);
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn work_beside_lets_others_go_on_and_is_done_once_more_for_who_asks_meanwhile() {
        let mut beside = Beside::default();
        let (release, held) = mpsc::channel::<()>();
        beside.begin(vec!["first"], move || held.recv().is_ok());
        beside.begin(vec!["second"], || unreachable!("the first is not done yet"));
        // Calls go on: this thread is free though the work is not done.
        assert!(tokio::time::timeout(Duration::from_millis(20), beside.done()).await.is_err());
        release.send(()).unwrap();
        assert_eq!(beside.done().await, Some(true));
        let (waited, again) = beside.waited();
        assert_eq!((waited, again.as_deref()), (vec!["first"], Some(&["second"][..])));
        beside.begin(again.unwrap(), || false);
        assert_eq!(beside.done().await, Some(false));
        assert_eq!(beside.waited(), (vec!["second"], None));
    }

    #[tokio::test]
    async fn work_that_panics_is_over_too() {
        let mut beside: Beside<(), ()> = Beside::default();
        beside.begin(vec![()], || panic!("a fault"));
        assert_eq!(beside.done().await, None);
        assert_eq!(beside.waited().0.len(), 1);
    }
}
