//! A certificate authority for one receiver, and the certificate it signs.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;

use remote_syslog::config::Fingerprint;

use super::shipper::Shipper;

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// PEM files, kept as long as this is.
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// For `localhost` and `address`.
    pub fn new(address: IpAddr) -> Self {
        Self::adjusted(address, |_| ())
    }

    /// The same with a server's certificate that `adjust` has changed.
    pub fn adjusted(address: IpAddr, adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "remote_syslog test authority");
        let authority_key = KeyPair::generate().unwrap();
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);

        let names = vec!["localhost".to_owned(), address.to_string()];
        let mut server = CertificateParams::new(names).unwrap();
        server.distinguished_name.push(DnType::CommonName, "localhost");
        adjust(&mut server);
        let key = KeyPair::generate().unwrap();
        let server_pem = server.signed_by(&key, &issuer).unwrap().pem();

        let certificates = Self { dir: TempDir::new().unwrap() };
        fs::write(certificates.authority(), authority_pem).unwrap();
        fs::write(certificates.certificate(), server_pem).unwrap();
        fs::write(certificates.key(), key.serialize_pem()).unwrap();
        certificates
    }

    /// Those that commands of a document have made: `ca.pem`, `hub.pem` and `hub.key` in `dir`.
    pub fn documented(dir: TempDir) -> Self {
        let certificates = Self { dir };
        for (made, own) in [
            ("ca.pem", certificates.authority()),
            ("hub.pem", certificates.certificate()),
            ("hub.key", certificates.key()),
        ] {
            fs::rename(certificates.dir.path().join(made), own).unwrap();
        }
        certificates
    }

    /// What a client must trust, for `SSL_CERT_FILE`.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    /// What the server shows.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join(CERTIFICATE)
    }

    /// The server's private key.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join(KEY)
    }

    /// Has `shipper` trust them by `ca_file`.
    pub fn trusted_by(&self, shipper: Shipper) -> Shipper {
        shipper.env("REMOTE_SYSLOG_DESTINATION_CA_FILE", self.authority())
    }

    /// Has `shipper` show the certificate.
    pub fn shown_by(&self, shipper: Shipper) -> Shipper {
        shipper
            .env("REMOTE_SYSLOG_DESTINATION_CERT_FILE", self.certificate())
            .env("REMOTE_SYSLOG_DESTINATION_KEY_FILE", self.key())
    }

    /// The fingerprint of the server's certificate, as `destination.fingerprint` takes it.
    pub fn fingerprint(&self) -> String {
        let certificate = CertificateDer::from_pem_file(self.certificate()).unwrap();
        Fingerprint::of(&certificate).to_string()
    }

    /// The server's side of TLS, for the versions given.
    pub fn server(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        Self::server_from(self.dir.path(), versions)
    }

    /// The same with the files of another process.
    pub fn server_from(
        dir: &Path,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_file_iter(dir.join(CERTIFICATE)).unwrap();
        let key = PrivateKeyDer::from_pem_file(dir.join(KEY)).unwrap();
        let config = ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key);
        Arc::new(config.unwrap())
    }
}
