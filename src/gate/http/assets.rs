//! The takeover page itself, embedded in the binary. It is constant and holds nothing of a run, so
//! that it needs no token.

use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use rust_embed::RustEmbed;

use super::{super::problem::Problem, typed};

/// What `npm run build` made. A build without it serves a page that says so.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/web/dist"]
#[allow_missing = true]
struct Page;

/// Shown in the place of a page that was not built.
const MISSING: &str = "<!doctype html><meta charset=utf-8><title>Handback</title>\
    <p>This build has no takeover page. Run <code>make web</code> and build again.";

pub(super) async fn index() -> Response {
    if let Some(file) = Page::get("index.html") {
        return typed("text/html; charset=utf-8", file.data.into_owned());
    }
    let mut response = typed("text/html; charset=utf-8", MISSING);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

pub(super) async fn asset(Path(path): Path<String>) -> Response {
    let name = format!("assets/{path}");
    // Embedded names are looked up, but a development build reads from the folder.
    if path.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return Problem::NOT_FOUND.into_response();
    }
    match Page::get(&name) {
        Some(file) => {
            let media_type = mime_guess::from_path(&name).first_or_octet_stream();
            typed(media_type.essence_str(), file.data.into_owned())
        }
        None => Problem::NOT_FOUND.into_response(),
    }
}
