//! The environment. The only place that reads it, apart from colours (`NO_COLOR`, read by the
//! terminal library).

/// Directory of the user's data, by the XDG convention.
const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The user's home directory.
const USER_HOME: &str = "HOME";

/// Returns a variable; empty counts as not set.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Returns the directory for the user's data.
pub(crate) fn data_directory() -> Option<std::path::PathBuf> {
    let in_home = || Some(std::path::PathBuf::from(variable(USER_HOME)?).join(".local/share"));
    variable(XDG_DATA_HOME).map(std::path::PathBuf::from).filter(|path| path.is_absolute()).or_else(in_home)
}
