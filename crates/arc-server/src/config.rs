//! What the server is told by whoever starts it.

use std::{collections::BTreeMap, time::Duration};

/// How the server behaves where there is a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Names, without a port, by which the server may be addressed besides this machine's own.
    pub allowed_hosts: Vec<String>,
    /// Where model calls are passed on to, by the provider's name, besides the providers' own addresses.
    pub upstreams: BTreeMap<String, String>,
    /// Largest body of a request in bytes, as sent and as unpacked.
    pub body_limit: usize,
    /// How long to wait for more of a body that has begun.
    pub body_patience: Duration,
    /// Bytes of OTLP requests that may be under way at once; beyond that senders are told to try again.
    pub bytes_in_flight: usize,
    /// Pause after which an event stream without events sends a sign of life.
    pub keep_alive: Duration,
    /// How long open requests may take to finish when the server goes down.
    pub grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            upstreams: BTreeMap::new(),
            body_limit: 64 * 1024 * 1024,
            body_patience: Duration::from_secs(30),
            bytes_in_flight: 64 * 1024 * 1024,
            keep_alive: Duration::from_secs(15),
            grace: Duration::from_secs(10),
        }
    }
}
