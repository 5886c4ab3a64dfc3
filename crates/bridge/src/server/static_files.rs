//! Static files for browsers.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Response};
use sha2::{Digest, Sha256};
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// Folders, each served below a path.
#[derive(Clone, Debug)]
pub struct StaticFiles {
    mounts: Vec<(String, PathBuf)>,
    policy: HeaderValue,
}

impl StaticFiles {
    /// The folder for `/`, and others below paths such as `/isocache/`.
    ///
    /// # Errors
    /// If a folder does not exist.
    pub fn new(folder: &Path, mounts: Vec<(String, PathBuf)>) -> Result<Self, String> {
        let mounts: Vec<_> = mounts.into_iter().chain([("/".to_owned(), folder.to_owned())]).collect();
        if let Some((_, missing)) = mounts.iter().find(|(_, folder)| !folder.is_dir()) {
            return Err(format!("the folder {} does not exist", missing.display()));
        }
        let index = std::fs::read_to_string(folder.join("index.html"));
        let index = index.map_err(|error| format!("{} has no index.html: {error}", folder.display()))?;
        Ok(Self { mounts, policy: policy(&index) })
    }

    /// Responds with the file that the path names, if any. A request with a token always belongs to the protocol.
    pub async fn respond(&self, request: &Parts) -> Option<Response<Body>> {
        let reading = matches!(request.method, Method::GET | Method::HEAD);
        if !reading || request.headers.contains_key(AUTHORIZATION) {
            return None;
        }
        let path = request.uri.path();
        let (mount, folder) = self.mounts.iter().find(|(mount, _)| path.starts_with(mount.as_str()))?;
        let rest = format!("/{}", path.get(mount.len()..).unwrap_or_default());
        let mut file = Request::builder().method(&request.method).uri(rest).body(Body::empty()).ok()?;
        file.headers_mut().clone_from(&request.headers);
        let response = ServeDir::new(folder).oneshot(file).await.ok()?;
        if response.status().is_client_error() {
            return None;
        }
        let mut response = response.map(Body::new);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Some(response)
    }
}

/// Lets the page load its own files, its inline scripts and wasm.
fn policy(index: &str) -> HeaderValue {
    use base64::Engine;
    let scripts = index.split("<script").skip(1).filter_map(|part| {
        let (_, rest) = part.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!script.is_empty()).then_some(script)
    });
    let hash = |script: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
    let hashes: Vec<String> = scripts.map(|script| format!("'sha256-{}'", hash(script))).collect();
    let policy = format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' {}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hashes.join(" ")
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}
