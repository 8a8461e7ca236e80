//! Settings: a flag wins over the environment, the environment over `arc-eval.toml`, that over the
//! default. The file is the one that `--config` names, else it is looked for in the working directory and those above
//! it, then in the data directory. It holds the declared checks as well, which `declared` reads.
//!
//! A new setting is a [`Setting`] in [`SETTINGS`] and a field of [`Config`]; its documentation in
//! `docs/reference/env.md` follows.

mod values;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use arc_app::{AlarmSettings, Checks, Retention};
use arc_model::ProjectId;

use self::values::on_or_off;
pub(crate) use self::values::{age, size};
use crate::{cli::Common, declared, env, failure::Failure, mail::Mail};

/// The file's name.
const FILE: &str = "arc-eval.toml";

/// A setting: how it is spelled, and what it is for.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its key in the file.
    pub(crate) key: &'static str,
    /// Its variable in the environment.
    pub(crate) variable: &'static str,
    /// What holds when nobody says anything, in words or as a value.
    pub(crate) default: &'static str,
    /// What it is for.
    pub(crate) what: &'static str,
}

/// The data directory; it decides where the file is, so the file cannot set it.
pub(crate) const HOME: Setting = Setting {
    key: "home",
    variable: "ARC_EVAL_HOME",
    default: "$XDG_DATA_HOME/arc-eval, else ~/.local/share/arc-eval",
    what: "The directory of the database and of arc-eval.toml.",
};
const STORE: Setting = Setting {
    key: "store",
    variable: "ARC_EVAL_STORE",
    default: "sqlite://HOME/arc-eval.db",
    what: "Where runs are stored: sqlite:///path/to/file.db, postgres://user:password@host/database, clickhouse://user:password@host:8123/database (with a registry), or sqlite::memory:. Flag --store.",
};
const REGISTRY: Setting = Setting {
    key: "registry",
    variable: "ARC_EVAL_REGISTRY",
    default: "the store itself; a clickhouse:// store needs one",
    what: "Where projects, alerts and the ledger of captures are kept beside a clickhouse:// store: postgres://user:password@host/database, which several servers share, or sqlite:///path/to/file.db. Flag --registry.",
};
const PROJECT: Setting = Setting {
    key: "project",
    variable: "ARC_EVAL_PROJECT",
    default: "default",
    what: "The project to write to and read from. Flag --project.",
};
const HOST: Setting = Setting {
    key: "host",
    variable: "ARC_EVAL_HOST",
    default: "127.0.0.1",
    what: "The address the server listens on; only loopback. Flag --host.",
};
const PORT: Setting = Setting {
    key: "port",
    variable: "ARC_EVAL_PORT",
    default: "8000",
    what: "The port the server listens on; 0 takes a free one. Flag --port.",
};
pub(crate) const OTLP_GRPC_PORT: Setting = Setting {
    key: "otlp_grpc_port",
    variable: "ARC_EVAL_OTLP_GRPC_PORT",
    default: "4317",
    what: "The port for OTLP over gRPC; 0 takes a free one, off none. Flag --otlp-grpc-port.",
};
pub(crate) const OTLP_HTTP_PORT: Setting = Setting {
    key: "otlp_http_port",
    variable: "ARC_EVAL_OTLP_HTTP_PORT",
    default: "4318",
    what: "The port for OTLP over HTTP, besides the server's own; 0 takes a free one, off none. Flag --otlp-http-port.",
};
const ENDPOINT: Setting = Setting {
    key: "endpoint",
    variable: "ARC_EVAL_ENDPOINT",
    default: "http://127.0.0.1:8000",
    what: "The server that `trace` and `debug --live` ask; the Python package sends there too.",
};
const API_KEY: Setting = Setting {
    key: "api_key",
    variable: "ARC_EVAL_API_KEY",
    default: "none",
    what: "The key sent as bearer when runs are shipped to a server elsewhere, by `collect` and the Python package.",
};
const QUIET_MS: Setting = Setting {
    key: "quiet_ms",
    variable: "ARC_EVAL_QUIET_MS",
    default: "300",
    what: "How long a run whose root ended is left alone before it is analysed, in milliseconds.",
};
const IDLE_MS: Setting = Setting {
    key: "idle_ms",
    variable: "ARC_EVAL_IDLE_MS",
    default: "600000",
    what: "How long a run without an end is left alone before it is analysed as it stands, in milliseconds.",
};
const ALERT_WEBHOOK: Setting = Setting {
    key: "alert_webhook",
    variable: "ARC_EVAL_ALERT_WEBHOOK",
    default: "none",
    what: "A URL to which alerts are posted as JSON: {project, alert}. Try it with `arc-eval alerts test`.",
};
const ALERT_SLACK: Setting = Setting {
    key: "alert_slack",
    variable: "ARC_EVAL_ALERT_SLACK",
    default: "none",
    what: "The URL of an incoming webhook of Slack (or of anything that takes its format) to which alerts are posted.",
};
const ALERT_SMTP: Setting = Setting {
    key: "alert_smtp",
    variable: "ARC_EVAL_ALERT_SMTP",
    default: "none",
    what: "The server that sends alerts by e-mail: smtps://user:password@host:465, or smtp://…:587?tls=required for STARTTLS.",
};
const ALERT_EMAIL_TO: Setting = Setting {
    key: "alert_email_to",
    variable: "ARC_EVAL_ALERT_EMAIL_TO",
    default: "none",
    what: "Who gets alerts by e-mail: addresses with commas between them. Needs alert_smtp.",
};
const ALERT_EMAIL_FROM: Setting = Setting {
    key: "alert_email_from",
    variable: "ARC_EVAL_ALERT_EMAIL_FROM",
    default: "arc-eval <arc-eval@localhost>",
    what: "Who alerts by e-mail come from.",
};
const ALERT_ALPHA: Setting = Setting {
    key: "alert_alpha",
    variable: "ARC_EVAL_ALERT_ALPHA",
    default: "0.01",
    what: "The chance that an agent whose reliability stays as it is ever raises an alert, at most.",
};
const ALERT_MIN_RUNS: Setting = Setting {
    key: "alert_min_runs",
    variable: "ARC_EVAL_ALERT_MIN_RUNS",
    default: "50",
    what: "Runs of known outcome before an agent can raise an alert: what it is compared with.",
};
const RETENTION_MAX_AGE: Setting = Setting {
    key: "retention_max_age",
    variable: "ARC_EVAL_RETENTION_MAX_AGE",
    default: "off",
    what: "How old runs may get before the server deletes them: 90d, 12h, 30m; off keeps everything. Flag --retention-max-age of serve.",
};
const RETENTION_MAX_SIZE: Setting = Setting {
    key: "retention_max_size",
    variable: "ARC_EVAL_RETENTION_MAX_SIZE",
    default: "off",
    what: "How large the store may get before the server deletes the oldest runs: 20GB, 500MB; off for any size. Flag --retention-max-size of serve.",
};
const SEARCH: Setting = Setting {
    key: "search",
    variable: "ARC_EVAL_SEARCH",
    default: "on",
    what: "Whether the text of runs is made searchable, on or off; off saves its disk and its time.",
};
const LOG: Setting = Setting {
    key: "log",
    variable: "ARC_EVAL_LOG",
    default: "warn",
    what: "What the program logs to stderr: error, warn, info, debug, trace, or filters like arc_app=debug.",
};

/// Every setting.
pub(crate) const SETTINGS: &[&Setting] = &[
    &HOME,
    &STORE,
    &REGISTRY,
    &PROJECT,
    &HOST,
    &PORT,
    &OTLP_GRPC_PORT,
    &OTLP_HTTP_PORT,
    &ENDPOINT,
    &API_KEY,
    &QUIET_MS,
    &IDLE_MS,
    &ALERT_WEBHOOK,
    &ALERT_SLACK,
    &ALERT_SMTP,
    &ALERT_EMAIL_TO,
    &ALERT_EMAIL_FROM,
    &ALERT_ALPHA,
    &ALERT_MIN_RUNS,
    &RETENTION_MAX_AGE,
    &RETENTION_MAX_SIZE,
    &SEARCH,
    &LOG,
];

/// The settings in force.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    home: Option<PathBuf>,
    pub(crate) store: String,
    /// What is decided, where that is not in the store.
    pub(crate) registry: Option<String>,
    /// Nobody named a store.
    pub(crate) store_is_default: bool,
    pub(crate) project: ProjectId,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The ports for OTLP alone, where somebody named them.
    pub(crate) otlp_grpc_port: Option<String>,
    pub(crate) otlp_http_port: Option<String>,
    pub(crate) endpoint: String,
    pub(crate) api_key: Option<String>,
    pub(crate) quiet: Duration,
    pub(crate) idle: Duration,
    pub(crate) alert_webhook: Option<String>,
    pub(crate) alert_slack: Option<String>,
    pub(crate) alert_mail: Option<Mail>,
    pub(crate) alarm: AlarmSettings,
    pub(crate) retention: Retention,
    pub(crate) search: bool,
    pub(crate) log: String,
    /// The checks that the file declares.
    pub(crate) checks: Checks,
}

impl Config {
    /// Reads environment and file, under these flags.
    pub(crate) fn load(flags: &Common) -> Result<Self, Failure> {
        let home = env::variable(HOME.variable).map(PathBuf::from);
        let home = home.or_else(|| env::data_directory().map(|data| data.join("arc-eval")));
        let file = flags.config.clone().or_else(|| found_file(home.as_deref()));
        let (in_file, checks) = match &file {
            Some(path) => read_file(path)?,
            None => (BTreeMap::new(), Checks::default()),
        };
        let layers = Layers { variable: &env::variable, in_file, checks, file };
        Self::resolve(flags, &layers, home.as_deref())
    }

    /// Returns the data directory.
    pub(crate) fn home(&self) -> Result<&Path, Failure> {
        let unknown = || Failure::usage(format!("no data directory is known: set {}", HOME.variable));
        self.home.as_deref().ok_or_else(unknown)
    }

    /// Returns the file of the store, where it is one.
    pub(crate) fn store_file(&self) -> Option<&Path> {
        self.store.strip_prefix("sqlite://").map(Path::new)
    }

    /// Returns whether the store is there; one that is no file is taken to be.
    pub(crate) fn store_exists(&self) -> bool {
        self.store_file().is_none_or(Path::exists)
    }

    /// Returns where traced programs on this machine write to.
    pub(crate) fn spool(&self) -> Result<PathBuf, Failure> {
        Ok(self.home()?.join("spool"))
    }

    fn resolve(flags: &Common, layers: &Layers<'_>, home: Option<&Path>) -> Result<Self, Failure> {
        let named = flags.store.clone().or_else(|| layers.get(&STORE).map(|(store, _)| store));
        let store_is_default = named.is_none();
        let store = match named {
            Some(store) => store,
            None => default_store(home)?,
        };
        let project = flags.project.clone().unwrap_or_else(|| layers.text(&PROJECT));
        Ok(Self {
            home: home.map(Path::to_owned),
            store,
            registry: flags.registry.clone().or_else(|| layers.get(&REGISTRY).map(|(registry, _)| registry)),
            store_is_default,
            project: arc_app::App::project(&project)?,
            host: layers.text(&HOST),
            port: layers.number(&PORT)?,
            otlp_grpc_port: layers.get(&OTLP_GRPC_PORT).map(|(port, _)| port),
            otlp_http_port: layers.get(&OTLP_HTTP_PORT).map(|(port, _)| port),
            api_key: layers.get(&API_KEY).map(|(key, _)| key),
            endpoint: layers.text(&ENDPOINT).trim_end_matches('/').to_owned(),
            quiet: Duration::from_millis(layers.number(&QUIET_MS)?),
            idle: Duration::from_millis(layers.number(&IDLE_MS)?),
            alert_webhook: layers.url(&ALERT_WEBHOOK)?,
            alert_slack: layers.url(&ALERT_SLACK)?,
            alert_mail: layers.mail()?,
            alarm: AlarmSettings { alpha: layers.chance(&ALERT_ALPHA)?, min_runs: layers.number(&ALERT_MIN_RUNS)? },
            retention: Retention {
                max_age: layers.parsed(&RETENTION_MAX_AGE, age)?,
                max_bytes: layers.parsed(&RETENTION_MAX_SIZE, size)?,
            },
            search: layers.parsed(&SEARCH, on_or_off)?,
            log: layers.text(&LOG),
            checks: layers.checks.clone(),
        })
    }
}

fn default_store(home: Option<&Path>) -> Result<String, Failure> {
    let home = home.ok_or_else(|| {
        Failure::usage(format!("no place to store runs is known: set {} or {}", HOME.variable, STORE.variable))
    })?;
    Ok(format!("sqlite://{}", home.join("arc-eval.db").display()))
}

/// Where settings come from, below flags.
struct Layers<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    in_file: BTreeMap<String, String>,
    checks: Checks,
    file: Option<PathBuf>,
}

impl Layers<'_> {
    /// Returns the value with the place it comes from.
    fn get(&self, setting: &Setting) -> Option<(String, String)> {
        let from_env = (self.variable)(setting.variable).map(|value| (value, setting.variable.to_owned()));
        from_env.or_else(|| {
            let place = self.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
            self.in_file.get(setting.key).map(|value| (value.clone(), place))
        })
    }

    fn text(&self, setting: &Setting) -> String {
        self.get(setting).map_or_else(|| setting.default.to_owned(), |(value, _)| value)
    }

    /// Returns an address to post to, where one is set.
    fn url(&self, setting: &Setting) -> Result<Option<String>, Failure> {
        match self.get(setting) {
            Some((url, place)) if !(url.starts_with("http://") || url.starts_with("https://")) => {
                // The address may be a secret, so it is not shown.
                Err(Failure::usage(format!("{} in {place} has to begin with http:// or https://", setting.key)))
            }
            found => Ok(found.map(|(url, _)| url)),
        }
    }

    /// Returns the channel for e-mail, where one is set.
    fn mail(&self) -> Result<Option<Mail>, Failure> {
        let Some((server, place)) = self.get(&ALERT_SMTP) else { return Ok(None) };
        let of = |setting| self.get(setting).map(|(value, _)| value);
        let (from, to) = (of(&ALERT_EMAIL_FROM), of(&ALERT_EMAIL_TO));
        let mail = Mail::new(&server, from.as_deref(), to.as_deref());
        mail.map(Some).map_err(|why| Failure::usage(format!("in {place}, {why}")))
    }

    /// Returns a chance above 0 and below 1.
    fn chance(&self, setting: &Setting) -> Result<f64, Failure> {
        let chance: f64 = self.number(setting)?;
        if chance > 0.0 && chance < 1.0 {
            return Ok(chance);
        }
        Err(Failure::usage(format!("{} is {chance}, which is not between 0 and 1", setting.key)))
    }

    /// Reads a value with one of the readers below.
    fn parsed<T>(&self, setting: &Setting, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Failure> {
        let (value, place) = self.get(setting).unwrap_or_else(|| (setting.default.to_owned(), "default".to_owned()));
        read(&value).map_err(|why| Failure::usage(format!("{} is `{value}` in {place}: {why}", setting.key)))
    }

    fn number<T: std::str::FromStr>(&self, setting: &Setting) -> Result<T, Failure> {
        let (value, place) = self.get(setting).unwrap_or_else(|| (setting.default.to_owned(), "default".to_owned()));
        let bad = |_| Failure::usage(format!("{} is `{value}` in {place}: not a number in range", setting.key));
        value.trim().parse().map_err(bad)
    }
}

/// Returns the file of the working directory, else of the nearest one above it, else of the data directory.
fn found_file(home: Option<&Path>) -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let above = here.iter().flat_map(|here| here.ancestors().skip(1)).map(|folder| folder.join(FILE));
    let candidates = std::iter::once(PathBuf::from(FILE)).chain(above).chain(home.map(|home| home.join(FILE)));
    candidates.into_iter().find(|path| path.is_file())
}

fn read_file(path: &Path) -> Result<(BTreeMap<String, String>, Checks), Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    let wrong = |why: String| Failure::usage(format!("{shown}: {why}"));
    Ok((parse_file(&text).map_err(wrong)?, declared::read(&text).map_err(wrong)?))
}

fn parse_file(text: &str) -> Result<BTreeMap<String, String>, String> {
    let table: BTreeMap<String, toml::Value> = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut values = BTreeMap::new();
    for (key, value) in table.into_iter().filter(|(key, _)| !declared::KEYS.contains(&key.as_str())) {
        let settable = || SETTINGS.iter().map(|setting| setting.key).filter(|key| *key != HOME.key);
        if !settable().any(|known| known == key) {
            return Err(format!(
                "no setting is called `{key}`; there are {}",
                settable().collect::<Vec<_>>().join(", ")
            ));
        }
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            _ => return Err(format!("`{key}` has to be a text or a number")),
        };
        values.insert(key, value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: &Common, variables: &[(&str, &str)], file: &str) -> Result<Config, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let in_file = parse_file(file)?;
        let checks = Checks::default();
        let layers = Layers { variable: &variable, in_file, checks, file: Some("arc-eval.toml".into()) };
        Config::resolve(flags, &layers, Some(Path::new("/data"))).map_err(|failure| failure.error.to_string())
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let none = Common::default();
        assert_eq!(resolve(&none, &[], "").unwrap().store, "sqlite:///data/arc-eval.db");
        let file = "store = \"sqlite://file.db\"\nport = 9000";
        let from_file = resolve(&none, &[], file).unwrap();
        assert_eq!((from_file.store.as_str(), from_file.port), ("sqlite://file.db", 9000));
        let variables = [("ARC_EVAL_STORE", "sqlite://env.db")];
        assert_eq!(resolve(&none, &variables, file).unwrap().store, "sqlite://env.db");
        let flags = Common { store: Some("sqlite://flag.db".into()), ..Common::default() };
        assert_eq!(resolve(&flags, &variables, file).unwrap().store, "sqlite://flag.db");
    }

    #[test]
    fn a_bad_value_is_told_with_its_place() {
        let none = Common::default();
        let error = resolve(&none, &[("ARC_EVAL_PORT", "http")], "").unwrap_err();
        assert_eq!(error, "port is `http` in ARC_EVAL_PORT: not a number in range");
        assert_eq!(
            resolve(&none, &[], "port = 70000").unwrap_err(),
            "port is `70000` in arc-eval.toml: not a number in range"
        );
        assert!(resolve(&none, &[], "prot = 1").unwrap_err().contains("no setting is called `prot`; there are store,"));
    }

    #[test]
    fn what_is_kept_is_an_age_and_a_size_with_units() {
        let none = Common::default();
        let file = "retention_max_age = \"90d\"\nretention_max_size = \"20 GB\"\nsearch = \"off\"";
        let config = resolve(&none, &[("ARC_EVAL_RETENTION_MAX_AGE", "12h")], file).unwrap();
        let kept = Retention { max_age: Some(Duration::from_hours(12)), max_bytes: Some(20_000_000_000) };
        assert_eq!((config.retention, config.search), (kept, false));
        let default = resolve(&none, &[], "").unwrap();
        assert_eq!((default.retention, default.search), (Retention::default(), true));
        for bad in ["90", "0d", "-1d", "d", "é", "1.5h", "99999999999999999999d"] {
            let error = resolve(&none, &[("ARC_EVAL_RETENTION_MAX_AGE", bad)], "").unwrap_err();
            assert!(error.ends_with("not an age like 90d, 12h or 30m, or off"), "{error}");
        }
    }

    #[test]
    fn every_setting_is_documented_once_and_there_are_few() {
        assert!(SETTINGS.len() < 40);
        for setting in SETTINGS {
            assert_eq!(setting.variable, format!("ARC_EVAL_{}", setting.key.to_uppercase()));
            assert!(setting.what.len() > 20 && setting.what.ends_with('.'), "{}", setting.key);
            assert_eq!(SETTINGS.iter().filter(|other| other.key == setting.key).count(), 1);
        }
    }
}
