//! The certificate of the server.

use axum_server::tls_rustls::RustlsConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::settings::Tls;

/// A certificate and its key as PEM, checked.
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

fn read(tls: &Tls) -> Result<Pem, String> {
    let Tls { certificate: certificate_file, key: key_file } = tls;
    let certificate = certificate_file.read("certificate")?;
    let found = CertificateDer::pem_slice_iter(&certificate).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => {
            return Err(certificate_file.error("no certificate in", "expected PEM (-----BEGIN CERTIFICATE-----)"));
        }
        Err(error) => return Err(certificate_file.error("cannot use the certificate", &error.to_string())),
        Ok(_) => {}
    }
    let key = key_file.read("private key")?;
    PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| key_file.error("cannot use the private key", &error.to_string()))?;
    Ok(Pem { certificate, key })
}

/// Loads the certificate.
///
/// # Errors
/// A sentence with the place in the configuration, the file and the reason.
pub(super) async fn load(tls: &Tls) -> Result<RustlsConfig, String> {
    // Fails if a provider is already installed, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Pem { certificate, key } = read(tls)?;
    let config = RustlsConfig::from_pem(certificate, key).await;
    config.map_err(|error| mismatch(tls, &error))
}

/// Replaces the certificate in use.
///
/// # Errors
/// As for [`load`]. The certificate in use then stays.
pub(super) async fn reload(config: &RustlsConfig, tls: &Tls) -> Result<(), String> {
    let Pem { certificate, key } = read(tls)?;
    config.reload_from_pem(certificate, key).await.map_err(|error| mismatch(tls, &error))
}

fn mismatch(tls: &Tls, error: &std::io::Error) -> String {
    let reason = format!("with the key {}: {error}", tls.key.path.display());
    tls.certificate.error("cannot use the certificate", &reason)
}
