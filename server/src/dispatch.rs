//! Finds what answers a call, by its path: the published crate has no server traits.

use std::{future::Future, pin::Pin, sync::Arc};

use http::{Request, Response};
use tokio::sync::watch;
use tonic::{
    Status,
    body::Body,
    codec::CompressionEncoding,
    server::{Grpc, UnaryService},
};
use tonic_prost::ProstCodec;

use crate::{
    access,
    api::Api,
    calls::{self, METHODS},
    options::ServeOptions,
};

/// What a call gives.
pub(crate) type Reply<T> = Result<T, Status>;

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What a call does beside answering.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Does {
    /// Looks.
    Looks,
    /// Looks, and may wait for something to happen.
    Waits,
    /// Changes something.
    Changes,
    /// Changes something, and may wait for something to happen.
    ChangesAndWaits,
}

impl Does {
    fn changes(self) -> bool {
        matches!(self, Self::Changes | Self::ChangesAndWaits)
    }

    fn waits(self) -> bool {
        matches!(self, Self::Waits | Self::ChangesAndWaits)
    }
}

/// One method of a service.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) does: Does,
    pub(crate) answer: fn(Arc<Api>, usize, Request<Body>) -> Answering,
}

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
        return calls::health::answer(service, request).await;
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

/// Answers one request with one message.
pub(crate) fn unary<Q, R, F>(
    api: Arc<Api>,
    max_bytes: usize,
    request: Request<Body>,
    handler: fn(Arc<Api>, Q) -> F,
) -> Answering
where
    Q: prost::Message + Default + Send + 'static,
    R: prost::Message + Default + Send + 'static,
    F: Future<Output = Reply<R>> + Send + 'static,
{
    Box::pin(async move { grpc(max_bytes).unary(Unary { api, handler }, request).await })
}

/// Clients written in Go compress what they send.
pub(crate) fn grpc<Q, R>(max_bytes: usize) -> Grpc<ProstCodec<R, Q>>
where
    Q: prost::Message + Default + Send + 'static,
    R: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max_bytes)
        .max_encoding_message_size(usize::MAX)
}

struct Unary<Q, F> {
    api: Arc<Api>,
    handler: fn(Arc<Api>, Q) -> F,
}

impl<Q, R, F> UnaryService<Q> for Unary<Q, F>
where
    R: prost::Message + Default + Send + 'static,
    F: Future<Output = Reply<R>> + Send + 'static,
{
    type Response = R;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<R>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let answer = (self.handler)(Arc::clone(&self.api), request.into_inner());
        Box::pin(async move { answer.await.map(tonic::Response::new) })
    }
}
