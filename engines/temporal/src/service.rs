//! The connection to a service: who asks, how long, and how often.
//!
//! What may pass is tried again with backoff: a client's request for ten seconds, a worker's answer
//! until the service takes or refuses it, because work that is done must not be lost.

use std::{future::Future, time::Duration};

use steadfast_core::ids::Namespace;
use steadfast_engine::EngineError;
use temporalio_protos::temporal::api::{
    operatorservice::v1::operator_service_client::OperatorServiceClient,
    workflowservice::v1::{
        DescribeNamespaceRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use tokio::time::Instant;
use tonic::{
    Code, Request, Response, Status,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity as TlsIdentity},
};

use super::{limits::Limits, options::TemporalOptions, status::error_of};

/// A client of the service.
pub(super) type Stub = WorkflowServiceClient<InterceptedService<Channel, Headers>>;

/// A client of its part for operators.
pub(super) type Operator = OperatorServiceClient<InterceptedService<Channel, Headers>>;

/// The longest message that is read: a page of a history with large payloads.
const MAX_MESSAGE_BYTES: usize = 128 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long one attempt at a request may take.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the service may hold a poll: it answers after a minute.
pub(super) const POLL_TIMEOUT: Duration = Duration::from_secs(70);
/// How long a client's request is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request that waits for something to happen is tried again.
const LONG_PATIENCE: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A connection to a service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    stub: Stub,
    operator: Operator,
}

/// How long a request is tried again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Patience {
    /// Somebody waits for the answer.
    Client,
    /// The request is the fruit of work.
    Worker,
}

/// Says with every request who asks.
#[derive(Clone, Debug)]
pub(super) struct Headers(Vec<(AsciiMetadataKey, AsciiMetadataValue)>);

impl Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        for (name, value) in &self.0 {
            metadata.insert(name.clone(), value.clone());
        }
        Ok(request)
    }
}

impl Service {
    /// Connects, makes sure that somebody answers for the namespace, and asks what it takes.
    pub(super) async fn connect(
        options: &TemporalOptions,
        namespace: &Namespace,
    ) -> Result<(Self, Limits), EngineError> {
        let channel = endpoint(options)?.connect_lazy();
        let headers = headers(options, namespace)?;
        let operator = OperatorServiceClient::with_interceptor(channel.clone(), headers.clone());
        let stub = WorkflowServiceClient::with_interceptor(channel, headers)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let service = Self { stub, operator };
        let limits = service.greet(options, namespace).await?;
        Ok((service, limits))
    }

    async fn greet(
        &self,
        options: &TemporalOptions,
        namespace: &Namespace,
    ) -> Result<Limits, EngineError> {
        let request = DescribeNamespaceRequest {
            namespace: namespace.as_str().to_owned(),
            ..DescribeNamespaceRequest::default()
        };
        let mut stub = self.stub.clone();
        match stub.describe_namespace(timed(request, CALL_TIMEOUT)).await {
            Ok(described) => Ok(Limits::of(described.into_inner().namespace_info)),
            // Not everybody who may work in a namespace may describe it.
            Err(status) if status.code() == Code::PermissionDenied => Ok(Limits::of(None)),
            Err(status) if status.code() == Code::NotFound => Err(EngineError::not_found(format!(
                "the Temporal Service at `{}` has no namespace `{namespace}`; make it with `temporal operator \
                     namespace create {namespace}`, or name another one in the URL",
                options.address
            ))),
            Err(status) if matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) => {
                Err(EngineError::Unavailable {
                    message: format!(
                        "no Temporal Service answers at `{}`: {}; start one with `temporal server start-dev`, or \
                         correct the address{}",
                        options.address,
                        root_cause(&status),
                        if options.uses_tls() {
                            ""
                        } else {
                            " (`temporals://` speaks TLS)"
                        },
                    ),
                })
            }
            Err(status) => Err(error_of(&status)),
        }
    }

    /// Makes a request, and makes it again while that may help.
    pub(super) async fn call<Q, A, F>(
        &self,
        patience: Patience,
        request: Q,
        send: impl Fn(Stub, Request<Q>) -> F,
    ) -> Result<A, Status>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        patiently(&self.stub, patience, request, send).await
    }

    /// [`call`](Self::call) of what is for operators.
    pub(super) async fn call_operator<Q, A, F>(
        &self,
        patience: Patience,
        request: Q,
        send: impl Fn(Operator, Request<Q>) -> F,
    ) -> Result<A, Status>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        patiently(&self.operator, patience, request, send).await
    }

    /// Makes a request that the service holds until it has something to say. It is not made again.
    pub(super) async fn hold<Q, A, F>(
        &self,
        timeout: Duration,
        request: Q,
        send: impl FnOnce(Stub, Request<Q>) -> F,
    ) -> Result<A, Status>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let sent = send(self.stub.clone(), timed(request, timeout)).await;
        sent.map(Response::into_inner)
    }
}

async fn patiently<S, Q, A, F>(
    stub: &S,
    patience: Patience,
    request: Q,
    send: impl Fn(S, Request<Q>) -> F,
) -> Result<A, Status>
where
    S: Clone,
    Q: Clone,
    F: Future<Output = Result<Response<A>, Status>>,
{
    let started = Instant::now();
    let mut wait = Backoff::default();
    loop {
        let sent = send(stub.clone(), timed(request.clone(), CALL_TIMEOUT)).await;
        let status = match sent {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => status,
        };
        let late = patience == Patience::Client && started.elapsed() >= PATIENCE;
        if late || !may_pass(&status) {
            return Err(status);
        }
        tracing::debug!(code = ?status.code(), error = status.message(), "a request is made again");
        tokio::time::sleep(wait.after(&status)).await;
    }
}

fn timed<Q>(request: Q, timeout: Duration) -> Request<Q> {
    let mut request = Request::new(request);
    request.set_timeout(timeout);
    request
}

/// Whether a request may succeed when it is made again.
pub(super) fn may_pass(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable
        | Code::Unknown
        | Code::Internal
        | Code::Aborted
        | Code::DeadlineExceeded
        | Code::Cancelled => true,
        // A message that is too large stays too large.
        Code::ResourceExhausted => !is_too_large(status),
        _ => false,
    }
}

pub(super) fn is_too_large(status: &Status) -> bool {
    status.code() == Code::ResourceExhausted && status.message().contains("larger than max")
}

/// Waits that double up to a limit and are never the same for two that wait.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_WAIT)
    }
}

impl Backoff {
    pub(super) fn after(&mut self, status: &Status) -> Duration {
        if status.code() == Code::ResourceExhausted {
            // Whoever is asked too much is not asked again at once.
            self.0 = self.0.max(Duration::from_millis(500));
        }
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST_WAIT);
        let chance = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 256.0;
        wait.mul_f64(0.8 + 0.4 * chance)
    }
}

/// Counts how long a request that the service holds has failed.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    backoff: Backoff,
    failing_since: Option<Instant>,
}

impl Waiting {
    /// Waits before the request is made again; gives back what no more patience helps against.
    pub(super) async fn after(&mut self, status: Status) -> Result<(), Status> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if !may_pass(&status) || since.elapsed() >= LONG_PATIENCE {
            return Err(status);
        }
        tracing::debug!(code = ?status.code(), error = status.message(), "a request is made again");
        tokio::time::sleep(self.backoff.after(&status)).await;
        Ok(())
    }
}

fn endpoint(options: &TemporalOptions) -> Result<Endpoint, EngineError> {
    let (host, port) = options.host_and_port()?;
    let scheme = if options.uses_tls() { "https" } else { "http" };
    let invalid = |error: tonic::transport::Error| {
        EngineError::invalid(format!(
            "the options for the Temporal Service at `{}` are not valid: {}",
            options.address,
            root_cause(&error)
        ))
    };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{host}:{port}"))
        .map_err(invalid)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE / 2)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    if options.uses_tls() {
        let tls = options.tls.clone().unwrap_or_default();
        let mut config = ClientTlsConfig::new();
        config = match tls.server_ca {
            Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
            None => config.with_native_roots(),
        };
        if let Some(name) = tls.server_name {
            config = config.domain_name(name);
        }
        if let Some((certificate, key)) = tls.client {
            config = config.identity(TlsIdentity::from_pem(certificate, key));
        }
        endpoint = endpoint.tls_config(config).map_err(invalid)?;
    }
    Ok(endpoint)
}

fn headers(options: &TemporalOptions, namespace: &Namespace) -> Result<Headers, EngineError> {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: &str| {
        let text =
            || EngineError::invalid(format!("the header `{name}` or its value is not valid"));
        let key: AsciiMetadataKey = name.parse().map_err(|_| text())?;
        let mut value: AsciiMetadataValue = value.parse().map_err(|_| text())?;
        value.set_sensitive(name == "authorization");
        headers.push((key, value));
        Ok::<_, EngineError>(())
    };
    add("client-name", "steadfast")?;
    add("client-version", env!("CARGO_PKG_VERSION"))?;
    add("temporal-namespace", namespace.as_str())?;
    if let Some(key) = &options.api_key {
        add("authorization", &format!("Bearer {key}"))?;
    }
    for (name, value) in &options.headers {
        add(name, value)?;
    }
    Ok(Headers(headers))
}

/// The innermost error says what happened; those around it that something did.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
