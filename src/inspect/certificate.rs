//! What a certificate says, for people.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What matters of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// The names and addresses it is for (subject alternative names); these alone count.
    pub(super) names: Vec<String>,
    /// From when it is valid.
    pub(super) begin: Timestamp,
    /// Until when.
    pub(super) end: Timestamp,
}

impl Certificate {
    /// `None` when it cannot be read.
    pub(super) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
        let time = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp());
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.unwrap_or_default(),
            begin: time(certificate.validity().not_before).ok()?,
            end: time(certificate.validity().not_after).ok()?,
        })
    }

    /// "valid until 2027-01-31, 67 more days".
    pub(super) fn validity(&self, now: Timestamp) -> String {
        let days = |from: Timestamp, to: Timestamp| to.duration_since(from).as_hours() / 24;
        let date = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
        if now < self.begin {
            format!("not valid before {}", date(self.begin))
        } else if now > self.end {
            format!("expired on {}, {} days ago", date(self.end), days(self.end, now))
        } else {
            format!("valid until {}, {} more days", date(self.end), days(now, self.end))
        }
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn subject_names_and_validity_are_read() {
        let names = ["logs.example.com", "192.0.2.1", "2001:db8::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names.to_vec()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "logs");
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 3, 1);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let certificate = Certificate::read(certificate.der()).unwrap();
        assert!(certificate.subject.contains("CN=logs"), "{certificate:?}");
        assert_eq!(certificate.subject, certificate.issuer);
        assert_eq!(certificate.names, names);
        let at = |day: &str| certificate.validity(format!("{day}T00:00Z").parse().unwrap());
        assert_eq!(at("2023-12-31"), "not valid before 2024-01-01");
        assert_eq!(at("2024-02-28"), "valid until 2024-03-01, 2 more days");
        assert_eq!(at("2024-03-11"), "expired on 2024-03-01, 10 days ago");
        assert_eq!(Certificate::read(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
