//! The embedded page: its files, and `index.html` for every address the page itself interprets.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use crate::{Problem, guard::is_api};

struct File {
    path: &'static str,
    etag: &'static str,
    bytes: &'static [u8],
}

/// The files of the page, listed by `build.rs`.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// The folder whose files carry a hash of their content in their name.
const HASHED: &str = "assets/";

/// Answers what no route answers: a file of the page, else the page, except below the API.
pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if is_api(path) {
        return Problem::not_found(format!("there is no {path}; /api/v1/openapi.json lists what there is"))
            .into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return Problem::method_not_allowed(format!("{path} can only be read")).into_response();
    }
    let name = path.trim_start_matches('/');
    let file = find(name).or_else(|| if name.starts_with(HASHED) { None } else { find("index.html") });
    match file {
        Some(file) => answer(file, &headers),
        None => Problem::not_found(format!("there is no {path}")).into_response(),
    }
}

fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

fn answer(file: &'static File, request: &HeaderMap) -> Response {
    let cache = if file.path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, HeaderValue::from_static(file.etag));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Compression on the way may have weakened the tag.
    if known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == file.etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let media = mime_guess::from_path(file.path).first_or_octet_stream();
    let media = if media.type_() == "text" { format!("{media}; charset=utf-8") } else { media.to_string() };
    if let Ok(media) = HeaderValue::from_str(&media) {
        headers.insert(header::CONTENT_TYPE, media);
    }
    (headers, file.bytes).into_response()
}
