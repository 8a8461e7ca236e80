//! `arc-eval store`: what there is to do about a store itself.

use arc_store_backends::clickhouse::ddl;

use crate::{
    cli::Store,
    failure::{Exit, Failure},
    output,
};

pub(super) fn run(arguments: &Store) -> Result<(), Failure> {
    let Store::Ddl { cluster, database } = arguments;
    let statements = ddl(database, cluster.as_deref())
        .map_err(|error| Failure { exit: Exit::Usage, error: anyhow::Error::new(error) })?;
    let script: String = statements.into_iter().map(|statement| statement + ";\n\n").collect();
    Ok(output::data(script.trim_end()).and_then(|()| output::data("\n"))?)
}
