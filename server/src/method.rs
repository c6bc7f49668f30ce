//! A method of a service: its name, what it does, and what answers it.

use std::{future::Future, pin::Pin, sync::Arc};

use http::{Request, Response};
use tonic::{
    Status,
    body::Body,
    codec::CompressionEncoding,
    server::{Grpc, UnaryService},
};
use tonic_prost::ProstCodec;

use crate::api::Api;

/// Answers of so many bytes are compressed for whoever takes that. To make smaller ones smaller costs more than it saves: a
/// compressor clears a third of a megabyte first.
const COMPRESSED_FROM: usize = 64 * 1024;

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
    pub(crate) fn changes(self) -> bool {
        matches!(self, Self::Changes | Self::ChangesAndWaits)
    }

    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::Waits | Self::ChangesAndWaits)
    }
}

/// One method of a service.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) does: Does,
    pub(crate) answer: fn(Arc<Api>, usize, Request<Body>) -> Answering,
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
        Box::pin(async move {
            let mut response = tonic::Response::new(answer.await?);
            if response.get_ref().encoded_len() < COMPRESSED_FROM {
                response.disable_compression();
            }
            Ok(response)
        })
    }
}
