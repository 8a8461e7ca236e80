//! `arc-eval search`: where something was said.

use arc_app::{Cursor, SearchHit, SearchQuery};
use serde::Serialize;

use super::open_to_read;
use crate::{cli::Search, config::Config, failure::Failure, output};

#[derive(Serialize)]
struct Found {
    hits: Vec<SearchHit>,
    next: Option<String>,
}

pub(super) async fn run(config: &Config, arguments: &Search) -> Result<(), Failure> {
    let app = open_to_read(config).await?;
    let query = SearchQuery {
        text: arguments.text.join(" "),
        agent: arguments.agent.as_deref().map(Into::into),
        since: arguments.since,
        until: arguments.until,
        after: None,
        limit: arguments.limit,
    };
    if config.search {
        // Without a server nobody else makes text searchable. Where that cannot be, what is searchable is searched.
        if let Err(error) = app.index_all().await {
            output::talk(&format!("what was stored last may be missing: its text cannot be indexed ({error})"));
        }
    }
    let page = app.search(&config.project, &query).await?;
    if arguments.json {
        return output::json(&Found { hits: page.items, next: page.next.map(|Cursor(next)| next) });
    }
    if page.items.is_empty() {
        output::talk("no run that ended contains all of these words");
    }
    output::data(&output::search::hits(&page.items))?;
    if page.next.is_some() {
        output::talk("there are more; narrow the search, or raise --limit");
    }
    Ok(())
}
