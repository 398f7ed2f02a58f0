//! What TLS is to use.

use super::super::document::DestinationKeys;
use super::super::document::leaf::{Spot, Text};
use super::super::{Fingerprint, IdentityFiles, Protocol, TlsSettings, TlsVersion};
use super::Resolver;

impl Resolver<'_> {
    /// What `keys` say of TLS, which is of no use to some protocols.
    pub(super) fn tls(&mut self, keys: &DestinationKeys, protocol: Protocol) -> TlsSettings {
        let DestinationKeys { ca_file, ca_dir, cert_file, key_file, .. } = keys;
        let DestinationKeys { server_name, fingerprint, min_tls, .. } = keys;
        let min_version = self.value(min_tls).unwrap_or_default();
        if !protocol.has_tls() {
            let files = [ca_file, ca_dir, cert_file, key_file].map(|file| file.spot());
            // What is shown as a default is no reason to warn.
            let first = fingerprint.items().first().map(|pin| pin.spot);
            let min_tls = min_tls.spot().filter(|_| min_version != TlsVersion::default());
            let others = [server_name.spot(), first, min_tls];
            files.into_iter().chain(others).flatten().for_each(|spot| self.warn_of_no_tls(spot));
        }
        let identity = match (self.path(cert_file), self.path(key_file)) {
            (Some(certificate), key) => Some(IdentityFiles { certificate, key }),
            (None, Some(_)) => {
                self.problem_of(key_file.spot(), LONE_KEY);
                None
            }
            (None, None) => None,
        };
        TlsSettings {
            ca_file: self.path(ca_file),
            ca_dir: self.path(ca_dir),
            identity,
            server_name: self.value(server_name),
            pins: fingerprint.items().iter().filter_map(|pin| self.pin(pin)).collect(),
            min_version,
        }
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

const LONE_KEY: &str = "a key is of no use without its certificate; write destination.cert_file too, which \
                        may name the same file";
