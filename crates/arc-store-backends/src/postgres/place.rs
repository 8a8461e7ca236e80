//! From an address to connections: what `postgres://…` says, and what every connection needs.

use std::{sync::Arc, time::Duration};

use arc_store::StoreError;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Config, NoTls, config::SslMode};

use super::error::unavailable;

/// Most connections of one program.
const CONNECTIONS: usize = 16;

/// How long to wait for a new connection, and for a free one.
const PATIENCE: Duration = Duration::from_secs(10);

/// The schema in which everything is, unless the address names another one.
const SCHEMA: &str = "arc_eval";

/// An acknowledged write is on the disk, whatever the server does for others.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') = 'off'";

/// What an address says.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) config: Arc<Config>,
    pub(super) schema: String,
    is_encrypted: bool,
}

impl Place {
    /// Reads `postgres://user:password@host:port/database?sslmode=require&schema=arc_eval`; other
    /// parameters are those of libpq that the driver knows. Errors hold nothing that may be secret.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        let mut schema = SCHEMA;
        let mut kept = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", name)) => schema = name,
                // Certificates are always verified.
                Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
                _ => kept.push(parameter),
            }
        }
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if schema.is_empty()
            || schema.len() > 63
            || !schema.chars().all(is_plain)
            || schema.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(StoreError::Invalid(
                "the schema in a PostgreSQL address is of small letters, digits and underscores, at most 63".to_owned(),
            ));
        }
        let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = url.parse().map_err(|error| not_an_address(&error))?;
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        let is_encrypted = config.get_ssl_mode() == SslMode::Require;
        if !is_encrypted {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("arc-eval");
        }
        // A program that hangs, or whose machine is gone, must not keep locks that all others need.
        let own = format!(
            "-c search_path={schema} -c jit=off -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s \
             -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
        );
        let options = config.get_options().map_or_else(|| own.clone(), |options| format!("{options} {own}"));
        config.options(options);
        Ok(Self { config: Arc::new(config), schema: schema.to_owned(), is_encrypted })
    }

    /// Makes a pool, which connects when it is asked to.
    pub(super) fn pool(&self) -> Result<Pool, StoreError> {
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let config = Config::clone(&self.config);
        let manager = if self.is_encrypted {
            Manager::from_config(config, super::tls::verified()?, how)
        } else {
            Manager::from_config(config, NoTls, how)
        };
        let durable = Hook::async_fn(|db, _| {
            Box::pin(async move { db.batch_execute(DURABLE).await.map_err(HookError::Backend) })
        });
        Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .post_create(durable)
            .build()
            .map_err(|error| unavailable("connect to PostgreSQL", error.to_string()))
    }
}

fn not_an_address(error: &tokio_postgres::Error) -> StoreError {
    // The cause names the option, never its value.
    let why = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    StoreError::Invalid(format!(
        "this is not an address of PostgreSQL{why}; write postgres://user:password@host/database"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_where_and_how() {
        let place = Place::parse("postgres://me:secret@db.example:6543/runs?sslmode=verify-full&schema=mine").unwrap();
        assert_eq!((place.schema.as_str(), place.is_encrypted), ("mine", true));
        assert_eq!((place.config.get_user(), place.config.get_dbname()), (Some("me"), Some("runs")));
        assert_eq!(place.config.get_ports(), [6543]);
        assert!(place.config.get_options().unwrap().contains("search_path=mine "));
        let place = Place::parse("postgresql:///runs?host=/run/postgresql").unwrap();
        assert_eq!((place.schema.as_str(), place.is_encrypted), ("arc_eval", false));
    }

    #[test]
    fn a_broken_address_is_refused_without_its_password() {
        let broken = [
            "postgres://me:secret@host:port/db",
            "postgres://me:secret@host/db?schema=a;b",
            "postgres://me:secret@host/db?schema=",
            "postgres://me:secret@host/db?colour=blue",
        ];
        for url in broken {
            let error = Place::parse(url).unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)));
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
