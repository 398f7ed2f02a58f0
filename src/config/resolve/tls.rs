//! What TLS is to use.

use std::path::PathBuf;

use super::super::document::TlsKeys;
use super::super::document::leaf::{One, Spot, Text};
use super::super::document::meaning::FilePath;
use super::super::{Fingerprint, IdentityFiles, Keyed, Protocol, TlsSettings, TlsVersion};
use super::Resolver;

/// What was given of TLS in one place, for all receivers or for one. `None`: nothing was.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsGiven {
    ca_file: Option<Keyed<PathBuf>>,
    ca_dir: Option<Keyed<PathBuf>>,
    /// A certificate and its key belong together.
    identity: Option<IdentityFiles>,
    server_name: Option<Keyed<String>>,
    /// An empty list is one as well.
    pins: Option<Keyed<Vec<Fingerprint>>>,
    min_version: Option<TlsVersion>,
}

impl TlsGiven {
    /// This, and of `common` what is not given here.
    pub(super) fn over(self, common: &Self) -> Self {
        let common = common.clone();
        Self {
            ca_file: self.ca_file.or(common.ca_file),
            ca_dir: self.ca_dir.or(common.ca_dir),
            identity: self.identity.or(common.identity),
            server_name: self.server_name.or(common.server_name),
            pins: self.pins.or(common.pins),
            min_version: self.min_version.or(common.min_version),
        }
    }

    /// With the defaults of what is not given.
    pub(super) fn settings(self) -> TlsSettings {
        let Self { ca_file, ca_dir, identity, server_name, pins, min_version } = self;
        TlsSettings {
            ca_file,
            ca_dir,
            identity,
            server_name,
            pins: pins.filter(|pins| !pins.value.is_empty()),
            min_version: min_version.unwrap_or_default(),
        }
    }
}

impl Resolver<'_> {
    /// What `keys` say of TLS, which is of no use to some protocols. They are those of the receiver at
    /// that place of `destination.hosts`; `None`: those of all.
    pub(super) fn tls(
        &mut self,
        keys: &TlsKeys,
        protocol: Protocol,
        place: Option<usize>,
    ) -> TlsGiven {
        let TlsKeys { ca_file, ca_dir, cert_file, key_file, server_name, fingerprint, min_tls } =
            keys;
        let min_version = self.value(min_tls);
        if !protocol.has_tls() {
            let files = [ca_file, ca_dir, cert_file, key_file].map(|file| file.spot());
            // What is shown as a default is no reason to warn.
            let first = fingerprint.items().first().map(|pin| pin.spot);
            let min_tls = min_tls
                .spot()
                .filter(|_| min_version.is_some_and(|it| it != TlsVersion::default()));
            let others = [server_name.spot(), first, min_tls];
            files.into_iter().chain(others).flatten().for_each(|spot| self.warn_of_no_tls(spot));
        }
        let identity = match (self.keyed_path(cert_file, place), self.keyed_path(key_file, place)) {
            (Some(certificate), key) => Some(IdentityFiles { certificate, key }),
            (None, Some(_)) => {
                self.problem_of(key_file.spot(), LONE_KEY);
                None
            }
            (None, None) => None,
        };
        let pins = fingerprint.items().iter().filter_map(|pin| self.pin(pin)).collect();
        TlsGiven {
            ca_file: self.keyed_path(ca_file, place),
            ca_dir: self.keyed_path(ca_dir, place),
            identity,
            server_name: self
                .value(server_name)
                .and_then(|name| self.keyed(server_name.spot(), place, name)),
            pins: self.keyed(fingerprint.spot(), place, pins),
            min_version,
        }
    }

    fn keyed_path(&self, given: &One<FilePath>, place: Option<usize>) -> Option<Keyed<PathBuf>> {
        self.keyed(given.spot(), place, self.path(given)?)
    }

    /// `value`, which was given there, with the name of that key.
    fn keyed<T>(&self, spot: Option<Spot>, place: Option<usize>, value: T) -> Option<Keyed<T>> {
        let name = self.typed.spots.name(spot?);
        let of_list = place.and_then(|place| {
            let key = name.strip_prefix("destination.hosts.")?;
            Some(format!("destination.hosts[{place}].{key}"))
        });
        Some(Keyed { key: of_list.unwrap_or_else(|| name.to_owned()), value })
    }

    fn pin(&mut self, Text { text, spot }: &Text) -> Option<Fingerprint> {
        let parsed = Fingerprint::parse(&text.to_string_lossy());
        parsed.map_err(|error| self.problem(*spot, error)).ok()
    }

    fn problem_of(&mut self, spot: Option<Spot>, text: &str) {
        if let Some(spot) = spot {
            self.problem(spot, text);
        }
    }
}

const LONE_KEY: &str = "a key is of no use without its certificate; write cert_file beside it too, which may \
                        name the same file";
