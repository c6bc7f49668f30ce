//! Serves until it is told to stop.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use steadfast_embedded::EmbeddedEngine;
use steadfast_engine::Engine;
use steadfast_wire::{Home, Wire, values::duration_out};
use tokio::{sync::watch, task::JoinHandle};
use tonic::{
    body::Body,
    transport::{Certificate, Identity, ServerTlsConfig},
};
use tower_service::Service;

use crate::{
    address::Address,
    api::Api,
    dispatch,
    listener::{self, Listener},
    options::{ServeError, ServeOptions},
    time_skipping::TimeSkipping,
    workers::Workers,
};

/// How long a connection may be silent before it is asked whether it is still there, and then before it is closed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long closed executions are kept if nothing limits it, in a number that people can read: 100 years.
const FOR_EVER: Duration = Duration::from_secs(36_500 * 86_400);

/// How long a server that stops waits for the calls that are under way.
const GRACE: Duration = Duration::from_secs(10);

/// How a certificate begins in PEM.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// What a private key in PEM has that needs a passphrase.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// An engine that is served. Dropping it stops the server at once, and leaves the engine as it is.
#[must_use = "it serves for as long as this is kept"]
pub struct Server {
    address: Address,
    stop: Option<watch::Sender<bool>>,
    task: Option<JoinHandle<Result<(), ServeError>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Server {
    /// Where it listens; the port is the one that was found if any would do.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Takes no more requests, and waits until those that are under way are answered, long polls at once; for ten seconds at
    /// most, then the connections are closed.
    ///
    /// # Errors
    ///
    /// When the connections failed before.
    pub async fn stop(mut self) -> Result<(), ServeError> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(true);
        }
        match tokio::time::timeout(GRACE, self.ended()).await {
            Ok(ended) => ended,
            // Somebody holds a connection open; dropping the server closes it.
            Err(_) => Ok(()),
        }
    }

    /// Waits until it has ended by itself, which it does only when its connections fail.
    ///
    /// # Errors
    ///
    /// Why it ended.
    pub async fn ended(&mut self) -> Result<(), ServeError> {
        match self.task.as_mut() {
            Some(task) => {
                let ended = task.await;
                self.task = None;
                ended.unwrap_or_else(|error| Err(ServeError::Failed(error.to_string())))
            }
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Serves an engine: [`bind`] and [`Bound::serve`] in one.
///
/// # Errors
///
/// As [`bind`] has them.
pub async fn serve(engine: Arc<dyn Engine>, options: ServeOptions) -> Result<Server, ServeError> {
    Ok(bind(options).await?.serve(engine))
}

/// An address that is listened at, before there is an engine: whoever connects waits. For programs that open a file only
/// when they can serve it.
///
/// # Errors
///
/// When the address cannot be listened at, or others could reach it and nothing says who may, and when the certificates or
/// the keys cannot be used.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use steadfast_embedded::EmbeddedEngine;
/// use steadfast_server::{ServeOptions, bind};
///
/// let bound = bind(ServeOptions::default()).await?;
/// let server = bound.serve(EmbeddedEngine::open("orders.db")?);
/// # Ok(())
/// # }
/// ```
pub async fn bind(options: ServeOptions) -> Result<Bound, ServeError> {
    let transport = builder(&options)?;
    let (address, listener) = listener::open(&options).await?;
    Ok(Bound {
        address,
        listener,
        transport,
        options,
    })
}

/// An address that is listened at; [`bind`] makes it. Dropping it closes the address.
#[must_use = "nobody is answered until it serves"]
pub struct Bound {
    address: Address,
    listener: Listener,
    transport: tonic::transport::Server,
    options: ServeOptions,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bound({})", self.address)
    }
}

impl Bound {
    /// Where it listens; the port is the one that was found if any would do.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Answers whoever called and calls, from this engine. It runs on the current Tokio runtime.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn serve(self, engine: Arc<dyn Engine>) -> Server {
        let Self {
            address,
            listener,
            transport,
            options,
        } = self;
        let (stop, stopped) = watch::channel(false);
        let retention = engine
            .as_ref()
            .downcast_ref::<EmbeddedEngine>()
            .and_then(EmbeddedEngine::retention);
        let home = Home {
            namespace: engine.namespace().as_str().to_owned(),
            namespace_id: Api::new_id(),
        };
        let time_skipping = options.time_skipping.clone().map(|skipping| {
            let engine = Arc::clone(&engine);
            Arc::new(TimeSkipping::new(engine, skipping.clock, skipping.locked))
        });
        let service = Calls {
            api: Arc::new(Api {
                engine,
                wire: Wire {
                    verbatim: true,
                    ..Wire::default()
                },
                home,
                address: address.to_string(),
                retention: duration_out(retention.unwrap_or(FOR_EVER)),
                long_poll: options.long_poll,
                workers: Workers::default(),
                time_skipping: time_skipping.clone(),
            }),
            options: Arc::new(options),
            stopped: stopped.clone(),
        };
        let task = tokio::spawn(async move {
            let skipping = async {
                match time_skipping {
                    Some(time_skipping) => time_skipping.run().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ended = run(transport, service, listener, stopped) => ended,
                () = skipping => Ok(()),
            }
        });
        tracing::info!(%address, "serves Temporal's API");
        Server {
            address,
            stop: Some(stop),
            task: Some(task),
        }
    }
}

async fn run(
    server: tonic::transport::Server,
    service: Calls,
    listener: Listener,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let served = match listener {
        Listener::Tcp(incoming) => {
            server
                .serve_with_incoming_shutdown(service, incoming, stop)
                .await
        }
        #[cfg(unix)]
        Listener::Unix(incoming) => {
            server
                .serve_with_incoming_shutdown(service, incoming, stop)
                .await
        }
    };
    served.map_err(|error| ServeError::Failed(with_causes(&error)))
}

fn builder(options: &ServeOptions) -> Result<tonic::transport::Server, ServeError> {
    // Half-open connections are found out: whoever holds a long poll may have gone.
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(Some(options.max_streams))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE));
    let Some(tls) = &options.tls else {
        return Ok(server);
    };
    let given = [Some(&tls.certificates), tls.client_authorities.as_ref()];
    let whose = ["of the server", "of the authorities of clients"];
    for (pem, whose) in given.into_iter().zip(whose) {
        // What has none is only told of in the words of a handshake.
        let begins = |pem: &Vec<u8>| pem.windows(CERTIFICATE.len()).any(|at| at == CERTIFICATE);
        if pem.is_some_and(|pem| !begins(pem)) {
            return Err(ServeError::Tls(format!(
                "there is no certificate {whose} in PEM, which begins with {}",
                String::from_utf8_lossy(CERTIFICATE)
            )));
        }
    }
    if tls.key.windows(ENCRYPTED.len()).any(|at| at == ENCRYPTED) {
        return Err(ServeError::Tls(
            "the private key has a passphrase, which nobody asks for; take it off: `openssl pkey -in key.pem -out plain.pem`"
                .to_owned(),
        ));
    }
    let identity = Identity::from_pem(&tls.certificates, &tls.key);
    let mut config = ServerTlsConfig::new().identity(identity);
    if let Some(authorities) = &tls.client_authorities {
        config = config.client_ca_root(Certificate::from_pem(authorities));
    }
    server
        .tls_config(config)
        .map_err(|error| match with_causes(&error) {
            why if why.contains("KeyMismatch") => {
                ServeError::Tls("the private key is of another certificate".to_owned())
            }
            why => ServeError::Tls(why),
        })
}

/// An error of a transport, which only its causes explain.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    if texts.is_empty() {
        return error.to_string();
    }
    texts.join(": ")
}

/// Every call of every connection.
#[derive(Clone)]
struct Calls {
    api: Arc<Api>,
    options: Arc<ServeOptions>,
    stopped: watch::Receiver<bool>,
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = dispatch::answer(
            Arc::clone(&self.api),
            Arc::clone(&self.options),
            self.stopped.clone(),
            request,
        );
        Box::pin(async move { Ok(answer.await) })
    }
}
