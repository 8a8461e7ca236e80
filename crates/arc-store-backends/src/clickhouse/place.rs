//! Where a store is: `clickhouse://user:password@host:port/database?secure=true&cluster=name`.

use arc_store::StoreError;
use clickhouse::{Client, Compression};
use url::Url;

/// The database of an address that names none.
const DATABASE: &str = "arc_eval";

/// What holds for every query.
const SETTINGS: &[(&str, &str)] = &[
    // An acknowledged insert is stored, on every shard it goes to.
    ("async_insert", "0"),
    ("distributed_foreground_insert", "1"),
    // An insert is one block, which is stored as a whole or not at all.
    ("max_insert_block_size", "16777216"),
    ("min_insert_block_size_rows", "16777216"),
    ("min_insert_block_size_bytes", "4294967296"),
    ("input_format_parallel_parsing", "0"),
    // Queries name many traces.
    ("max_query_size", "268435456"),
    ("distributed_product_mode", "global"),
    ("join_use_nulls", "0"),
];

/// What holds on a cluster besides: an insert is on most replicas within a minute, which is well within the time after
/// which it is taken for lost, and read from any of them.
const CLUSTER_SETTINGS: &[(&str, &str)] = &[
    ("insert_quorum", "auto"),
    ("insert_quorum_parallel", "0"),
    ("insert_quorum_timeout", "60000"),
    ("select_sequential_consistency", "1"),
];

/// A parsed address.
pub(super) struct Place {
    url: String,
    shown: String,
    user: String,
    password: Option<String>,
    pub(super) database: String,
    cluster: Option<String>,
}

impl Place {
    pub(super) fn parse(address: &str) -> Result<Self, StoreError> {
        let invalid = |why: &str| {
            StoreError::Invalid(format!(
                "this ClickHouse address {why}; write clickhouse://user:password@host:8123/database"
            ))
        };
        let url = Url::parse(address).map_err(|error| invalid(&format!("cannot be read ({error})")))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("names no host"))?;
        let (mut secure, mut cluster) = (false, None);
        for (key, value) in url.query_pairs() {
            match (key.as_ref(), value.as_ref()) {
                ("secure", "true" | "1") => secure = true,
                ("secure", "false" | "0") => secure = false,
                ("cluster", name) if is_name(name) => cluster = Some(name.to_owned()),
                // It may hold a secret, so its value is not shown.
                _ => return Err(invalid("has a parameter other than secure=true and cluster=NAME")),
            }
        }
        let port = url.port().unwrap_or(if secure { 8443 } else { 8123 });
        let database = decoded(url.path().trim_start_matches('/'));
        let database = if database.is_empty() { DATABASE.to_owned() } else { database };
        if !is_name(&database) {
            return Err(invalid("names a database of other characters than letters, digits, `_` and `-`"));
        }
        Ok(Self {
            url: format!("{}://{host}:{port}", if secure { "https" } else { "http" }),
            shown: format!("{host}:{port}"),
            user: if url.username().is_empty() { "default".to_owned() } else { decoded(url.username()) },
            password: url.password().map(decoded),
            database,
            cluster,
        })
    }

    /// Returns host and port.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// Returns a client that is in no database yet.
    pub(super) fn client(&self) -> Client {
        // Bodies are compressed already, and the rest is small.
        let mut client =
            Client::default().with_url(&self.url).with_user(&self.user).with_compression(Compression::None);
        if let Some(password) = &self.password {
            client = client.with_password(password);
        }
        let more = if self.cluster.is_some() { CLUSTER_SETTINGS } else { &[] };
        for (name, value) in SETTINGS.iter().chain(more) {
            client = client.with_setting(*name, *value);
        }
        client
    }
}

/// Returns whether a name needs no care in a statement.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Undoes the escapes of an address.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        let escaped = (first == b'%').then(|| more.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { more.get(2..).unwrap_or_default() } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_host_user_and_database() {
        let place = Place::parse("clickhouse://me:a%40b%20c@db.example/traces?secure=true&cluster=big").unwrap();
        assert_eq!((place.url.as_str(), place.user.as_str()), ("https://db.example:8443", "me"));
        assert_eq!((place.password.as_deref(), place.cluster()), (Some("a@b c"), Some("big")));
        let place = Place::parse("clickhouse://localhost:9123").unwrap();
        assert_eq!((place.url.as_str(), place.user.as_str()), ("http://localhost:9123", "default"));
        assert_eq!((place.database.as_str(), place.password), (DATABASE, None));
    }

    #[test]
    fn an_odd_address_is_refused_without_its_password() {
        for address in [
            "clickhouse://",
            "clickhouse://me:secret@h/a`b",
            "clickhouse://me:secret@h/a?pass=secret",
            "clickhouse:///db",
        ] {
            let message = Place::parse(address).err().unwrap().to_string();
            assert!(message.contains("clickhouse://user:password@host"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
