//! Encrypted connections: `sslmode=require`. Certificates are always verified, with the system's roots.

use std::sync::Arc;

use arc_store::StoreError;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::unavailable;

const ATTEMPTED: &str = "prepare an encrypted connection to PostgreSQL";

pub(super) fn verified() -> Result<MakeRustlsConnect, StoreError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(unavailable(
            ATTEMPTED,
            "this system has no certificates to verify the server with; install ca-certificates, or set SSL_CERT_FILE",
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unavailable(ATTEMPTED, error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
