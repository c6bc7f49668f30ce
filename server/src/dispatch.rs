//! Finds what answers a call, by its path: the published crate has no server traits.

use std::sync::Arc;

use http::{Request, Response};
use tokio::sync::watch;
use tonic::{Status, body::Body};

use crate::{
    access,
    api::Api,
    calls::{self, METHODS},
    options::ServeOptions,
};

/// Answers a call.
pub(crate) async fn answer(
    api: Arc<Api>,
    options: Arc<ServeOptions>,
    mut stopped: watch::Receiver<bool>,
    request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    // Whoever watches over the process has no key.
    if let Some(service) = path.strip_prefix("grpc.health.v1.Health/") {
        return calls::health::answer(service, stopped, request).await;
    }
    if path.starts_with("grpc.reflection.v1.ServerReflection/") {
        return calls::reflection::answer(request).await;
    }
    let found = METHODS.binary_search_by(|method| method.name.cmp(&path));
    let Some(method) = found.ok().and_then(|index| METHODS.get(index)) else {
        return Status::unimplemented(calls::unknown(&path)).into_http();
    };
    let changes = method.does.changes();
    if let Err(status) = access::check(&options, &path, changes, request.headers()) {
        tracing::warn!(method = path, "a call was refused: {}", status.message());
        return status.into_http();
    }
    let answer = (method.answer)(api, options.max_message_bytes, request);
    if !method.does.waits() {
        return answer.await;
    }
    tokio::select! {
        biased;
        response = answer => response,
        // Whoever waits for something to happen asks again.
        _ = stopped.wait_for(|stopped| *stopped) => Status::unavailable("the server is stopping").into_http(),
    }
}
