//! What whoever serves an engine chooses.

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use steadfast_embedded::ManualClock;
use thiserror::Error;

use crate::{
    address::Address,
    authorizer::Authorizer,
    keys::{ApiKeys, BadKey},
};

/// How an engine is served.
#[derive(Clone)]
#[must_use]
pub struct ServeOptions {
    pub(crate) address: Address,
    pub(crate) api_keys: ApiKeys,
    pub(crate) read_only: bool,
    pub(crate) authorizer: Option<Arc<dyn Authorizer>>,
    pub(crate) tls: Option<Tls>,
    pub(crate) max_message_bytes: usize,
    pub(crate) long_poll: Duration,
    pub(crate) max_streams: u32,
    pub(crate) time_skipping: Option<TimeSkippingOptions>,
}

/// How time is skipped.
#[derive(Clone, Debug)]
pub(crate) struct TimeSkippingOptions {
    pub(crate) clock: ManualClock,
    pub(crate) locked: bool,
}

impl Default for ServeOptions {
    /// Port 7233 of this machine's loopback address, for everybody who can connect to it.
    fn default() -> Self {
        Self {
            address: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 7233))),
            api_keys: ApiKeys::default(),
            read_only: false,
            authorizer: None,
            tls: None,
            max_message_bytes: 128 * 1024 * 1024,
            long_poll: Duration::from_secs(20),
            max_streams: 1_000,
            time_skipping: None,
        }
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("address", &self.address)
            .field("api_keys", &self.api_keys)
            .field("read_only", &self.read_only)
            .field("authorizer", &self.authorizer.is_some())
            .field("tls", &self.tls)
            .field("max_message_bytes", &self.max_message_bytes)
            .field("long_poll", &self.long_poll)
            .field("max_streams", &self.max_streams)
            .field("time_skipping", &self.time_skipping)
            .finish()
    }
}

impl ServeOptions {
    /// Listens at an address; port 0 is any that is free. An address that others can reach needs an
    /// [`api_key`](Self::api_key) or an [`authorizer`](Self::authorizer).
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = Address::Tcp(address);
        self
    }

    /// Listens at a Unix socket that only the user of this process can open (mode 0600). A file that is there is only
    /// taken away if it is a socket that nobody listens at.
    pub fn listen_at_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.address = Address::Unix(path.into());
        self
    }

    /// Every request must bring this key, or another one that was given, as `authorization: Bearer <key>`. Health is answered
    /// without. A key has at least 16 bytes.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_keys.add(key.into());
        self
    }

    /// Moves the clock that the embedded engine was given: with the real one, and past what nobody does anything in, as Temporal's test
    /// server does it. Its service `temporal.api.testservice.v1.TestService` is offered, with which the test environments of the SDKs lock
    /// and unlock that. `locked` says whether time is skipped only after an unlock, which these environments expect.
    ///
    /// For tests: whatever waits for a time, also the limits of workflows and activities, may come at once.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock};
    /// use steadfast_server::{ServeOptions, serve};
    ///
    /// let clock = ManualClock::default();
    /// let engine = EmbeddedEngine::connect(EmbeddedOptions::in_memory().clock(clock.clone())).await?;
    /// let server = serve(engine, ServeOptions::default().time_skipping(clock, true)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn time_skipping(mut self, clock: ManualClock, locked: bool) -> Self {
        self.time_skipping = Some(TimeSkippingOptions { clock, locked });
        self
    }

    /// Refuses what changes anything. Queries are answered: they change nothing.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Asks somebody before each call.
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Encrypts with TLS: a chain of certificates and its private key, both in PEM.
    pub fn tls(mut self, certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls = Some(Tls {
            certificates: certificates.into(),
            key: key.into(),
            client_authorities: None,
        });
        self
    }

    /// Lets in who has a certificate of one of these authorities (PEM), and nobody else: mTLS. It needs
    /// [`tls`](Self::tls).
    pub fn client_authorities(mut self, authorities: impl Into<Vec<u8>>) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.client_authorities = Some(authorities.into());
        }
        self
    }

    /// Whether something says who may call.
    pub(crate) fn knows_callers(&self) -> bool {
        let certified = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.client_authorities.is_some());
        certified || !self.api_keys.is_empty() || self.authorizer.is_some()
    }

    /// The largest request in bytes; 128 MiB by default.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// How long a call waits for something to happen before it answers that nothing did, and is asked again; 20 s by
    /// default, as on a Temporal Service.
    pub fn long_poll(mut self, wait: Duration) -> Self {
        self.long_poll = wait;
        self
    }

    /// How many calls a connection may have open at a time; 1,000 by default. More wait.
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = streams;
        self
    }
}

/// What encrypts a connection.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) certificates: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) client_authorities: Option<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls(mutual: {})", self.client_authorities.is_some())
    }
}

/// Why an engine is not served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// Others could reach the address, and nothing says who may.
    #[error(
        "{address} can be reached from other machines, and nothing says who may call: listen at 127.0.0.1 or at a Unix \
         socket, or require an API key or certificates of clients (mTLS)"
    )]
    Open {
        /// The address.
        address: Address,
    },
    /// An API key is none.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// The certificates or the key cannot be used.
    #[error("the certificates or the key of TLS cannot be used: {0}")]
    Tls(String),
    /// The connections failed.
    #[error("the server failed: {0}")]
    Failed(String),
}
