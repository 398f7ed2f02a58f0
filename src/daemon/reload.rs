//! Another configuration while the stages work.

use std::future::pending;
use std::path::PathBuf;

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::Error;
use super::serve::{Working, export, warn_of_hidden};
use crate::checkpoint;
use crate::config::{self, Config, ConfigErrors, Listen, Loaded};
use crate::deliver::try_trust;
use crate::exporter::{self, Exporter, ListenError};
use crate::service::log::{self, LogError};
use crate::service::systemd;
use crate::threads::{self, Latest};

/// A configuration that is being read: that may block, on a file system or on the list of users.
pub(super) struct Loading {
    read: oneshot::Receiver<ConfigRead>,
    /// Another reload was asked for meanwhile.
    again: bool,
}

/// What was read.
pub(super) struct ConfigRead {
    loaded: Result<Loaded, ConfigErrors>,
    /// What is wrong with the certificates that it names.
    untrusted: Option<String>,
    own_log: Result<(), LogError>,
    again: bool,
}

/// Waits for what is being read, if something is.
pub(super) async fn read(loading: &mut Option<Loading>) -> Option<ConfigRead> {
    let Some(Loading { read, .. }) = loading else { return pending().await };
    let read = read.await.ok();
    let again = loading.take().is_some_and(|loading| loading.again);
    read.map(|read| ConfigRead { again, ..read })
}

impl Working {
    /// Reads the configuration as it is now; [`Self::reload`] is to be called with it.
    pub(super) fn load(&mut self) {
        if self.process.config.stdin.is_some() {
            info!("standard input is read to its end as the configuration was at the start");
            return;
        }
        if let Some(loading) = &mut self.loading {
            loading.again = true;
            return;
        }
        systemd::reloading();
        let process = &self.process;
        let (cli, around, log) = (process.cli.clone(), process.around.now(), process.log.clone());
        let read = threads::run("load", move || {
            // After a rotation of the own log, HUP is what makes a daemon leave the old file.
            let own_log = log.reopen();
            let loaded = config::load(&cli, &around);
            // What is odd about them is said once they are used.
            let tried = loaded.as_ref().ok().map(|loaded| try_trust(&loaded.config));
            ConfigRead { own_log, loaded, untrusted: tried.and_then(Result::err), again: false }
        });
        self.loading = Some(Loading { read, again: false });
    }

    /// Goes on with the configuration that was read, or with the old one where that is no good.
    pub(super) async fn reload(&mut self, read: Option<ConfigRead>) {
        // None: the thread has panicked.
        let Some(ConfigRead { loaded, untrusted, own_log, again }) = read else {
            return systemd::ready();
        };
        if let Err(error) = own_log {
            warn!("{error}");
        }
        let refusal = match loaded {
            Ok(loaded) => {
                loaded.warnings.iter().for_each(|warning| warn!("{warning}"));
                let taken = match untrusted {
                    Some(error) => Err(error.into()),
                    None => self.take_up(loaded.config).await,
                };
                taken.err().map(|error| {
                    error!("{error}");
                    error.to_string()
                })
            }
            Err(errors) => {
                errors.problems().iter().for_each(|problem| error!("{problem}"));
                errors.warnings().iter().for_each(|warning| warn!("{warning}"));
                errors.problems().first().map(ToString::to_string)
            }
        };
        match &refusal {
            None => info!("the configuration is loaded anew"),
            Some(why) => {
                error!("the new configuration is refused; the old one stays in force");
                systemd::status(&format!("the new configuration is refused: {why}"));
            }
        }
        tell(self.process.first.state_dir.clone(), refusal.clone());
        self.meters.reloads.ended(refusal);
        // systemd waits for this, whatever came of it.
        systemd::ready();
        if again {
            self.load();
        }
    }

    /// On an error nothing has changed.
    async fn take_up(&mut self, new: Config) -> Result<(), Error> {
        let filter = log::parse(&new.log_filter)?;
        if let Err(error) = self.change(&new).await {
            self.serve_again();
            return Err(error);
        }
        let process = &mut self.process;
        process.log.set_filter(filter);
        warn_of_fixed(&process.first, &new);
        super::warn_of_roots(&new);
        warn_of_hidden(&new);
        process.config = new;
        self.expiry.look(&process.config, &self.meters.sending.certificates);
        self.watch_again();
        Ok(())
    }

    /// Has stages and metrics go on with `new`. On an error the exporter may be gone.
    async fn change(&mut self, new: &Config) -> Result<(), Error> {
        let listens = |config| super::listens(config).map(|it| (it.address, &it.hosts));
        if listens(new) == listens(&self.process.config) {
            return Ok(self.agent.reload(new)?);
        }
        let exporter = match super::listens(new) {
            Some(listen) => self.move_to(listen).await?,
            None => None,
        };
        self.agent.reload(new)?;
        self.exporter = exporter;
        Ok(())
    }

    /// Serves the metrics elsewhere. Where what serves them now is in the way, it ends before.
    async fn move_to(&mut self, listen: &Listen) -> Result<Option<Exporter>, Error> {
        let old = super::listens(&self.process.config);
        let is_own = |error: &ListenError| {
            error.is_taken() && old.is_some_and(|old| old.address.port() == listen.address.port())
        };
        let listener = match exporter::bind(listen) {
            Err(error) if is_own(&error) => {
                if let Some(exporter) = self.exporter.take() {
                    exporter.stop().await;
                }
                exporter::bind(listen)
            }
            other => other,
        };
        Ok(export(Some(listen), Some(listener?), &self.meters, &self.agent)?)
    }

    /// Serves the metrics where they were, should that have been ended.
    fn serve_again(&mut self) {
        let listen = super::listens(&self.process.config);
        let (Some(listen), None) = (listen, &self.exporter) else { return };
        let served = exporter::bind(listen)
            .map_err(Error::from)
            .and_then(|it| Ok(export(Some(listen), Some(it), &self.meters, &self.agent)?));
        match served {
            Ok(exporter) => self.exporter = exporter,
            Err(error) => error!("{error}; metrics are not served until the next reload"),
        }
    }
}

/// Tells those who ask by `--status` what became of a reload.
pub(super) fn tell(state_dir: PathBuf, refusal: Option<String>) {
    static TELL: Latest<(PathBuf, Option<String>)> = Latest::new();
    TELL.start("tell", (state_dir, refusal), |(state_dir, refusal)| {
        checkpoint::tell_refusal(&state_dir, refusal.as_deref());
    });
}

/// Names what takes a restart to change, and is not yet as in `new`.
fn warn_of_fixed(first: &Config, new: &Config) {
    let fixed = [
        ("state_dir", first.state_dir != new.state_dir),
        ("pid_file", first.pid_file != new.pid_file),
        ("debug_log_file", first.debug_log_file != new.debug_log_file),
        ("no_detach", first.detach != new.detach),
        ("user", first.user != new.user),
    ];
    for (key, _) in fixed.into_iter().filter(|(_, differs)| *differs) {
        warn!("{key} has changed since the start: that takes a restart");
    }
}
