//! Where a Temporal Service is, and how to prove who asks.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use steadfast_core::ids::Namespace;
use steadfast_engine::{EngineError, codec::PayloadCodec};

/// The port of a Temporal Service when nothing else is said.
const PORT: u16 = 7233;

/// Where a Temporal Service is, and how to prove who asks.
///
/// # Examples
///
/// ```
/// use steadfast::engine::temporal::{TemporalOptions, TlsOptions};
///
/// let local = TemporalOptions::new("127.0.0.1:7233").namespace("default")?;
/// let cloud = TemporalOptions::new("orders.a1b2c.tmprl.cloud:7233")
///     .namespace("orders.a1b2c")?
///     .api_key("..");
/// let mutual = TemporalOptions::new("temporal.example.com:7233")
///     .tls(TlsOptions::new().client_certificate("-- PEM --", "-- PEM --"));
/// # let _ = (local, cloud, mutual);
/// # Ok::<(), steadfast::engine::EngineError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct TemporalOptions {
    pub(super) address: String,
    pub(super) namespace: Option<Namespace>,
    pub(super) tls: Option<TlsOptions>,
    pub(super) plaintext: bool,
    pub(super) api_key: Option<String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) codec: Option<Arc<dyn PayloadCodec>>,
    pub(super) encode_failures: bool,
    pub(super) polls: usize,
    pub(super) sticky_timeout: Duration,
}

/// Shows no secret.
impl fmt::Debug for TemporalOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporalOptions")
            .field("address", &self.address)
            .field("namespace", &self.namespace)
            .field("tls", &self.uses_tls())
            .field("api_key", &self.api_key.as_ref().map(|_| ".."))
            .finish_non_exhaustive()
    }
}

impl TemporalOptions {
    /// A service at `host:port`, without encryption until [`tls`](Self::tls) or
    /// [`api_key`](Self::api_key) is chosen. The port is 7233 when it is left out.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            namespace: None,
            tls: None,
            plaintext: false,
            api_key: None,
            headers: BTreeMap::new(),
            codec: None,
            encode_failures: false,
            polls: 5,
            sticky_timeout: Duration::from_secs(10),
        }
    }

    /// The namespace; `default` when nothing else is said.
    ///
    /// # Errors
    ///
    /// When the name is empty or too long.
    pub fn namespace(mut self, namespace: &str) -> Result<Self, EngineError> {
        let namespace =
            Namespace::new(namespace).map_err(|error| EngineError::invalid(error.to_string()))?;
        self.namespace = Some(namespace);
        Ok(self)
    }

    /// Encrypts the connection.
    pub fn tls(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Proves who asks by a key, over TLS.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Puts payloads through a codec, such as one that encrypts.
    pub fn codec(mut self, codec: Arc<dyn PayloadCodec>) -> Self {
        self.codec = Some(codec);
        self
    }

    /// Puts the messages and stack traces of failures through the codec as well. Those who read a
    /// history without the codec see `Encoded failure`. By default they are plain, as with Temporal's
    /// own SDKs, which read both.
    pub fn encode_failures(mut self) -> Self {
        self.encode_failures = true;
        self
    }

    /// How many requests for workflow tasks, and how many for activity tasks, a worker has open at a
    /// time: at least 1, and 5 when nothing else is said. More help when the service is far away.
    pub fn concurrent_polls(mut self, polls: usize) -> Self {
        self.polls = polls.max(1);
        self
    }

    /// How long a task waits for the worker that has its run in memory before any other worker gets
    /// it: 10 seconds when nothing else is said.
    pub fn sticky_timeout(mut self, timeout: Duration) -> Self {
        self.sticky_timeout = timeout;
        self
    }

    /// A key is not sent in the clear unless that was asked for.
    pub(super) fn uses_tls(&self) -> bool {
        !self.plaintext && (self.tls.is_some() || self.api_key.is_some())
    }

    pub(super) fn host_and_port(&self) -> Result<(&str, u16), EngineError> {
        let error = |what: &str| {
            EngineError::invalid(format!(
                "`{}` is not the address of a Temporal Service: {what}; write `host:port`",
                self.address
            ))
        };
        // An IPv6 address is in brackets.
        let after_host = self.address.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match self.address[after_host..].find(':') {
            Some(colon) => {
                let at = after_host + colon;
                let port = self.address[at + 1..]
                    .parse()
                    .map_err(|_| error("the port is not a number from 0 to 65535"))?;
                (&self.address[..at], port)
            }
            None => (self.address.as_str(), PORT),
        };
        if host.is_empty() {
            return Err(error("the host is missing"));
        }
        if host.contains(char::is_whitespace) || host.contains('/') {
            return Err(error("the host is not a name or an address"));
        }
        Ok((host, port))
    }
}

/// How a connection is encrypted, and how each side proves who it is.
#[derive(Clone, Default)]
#[must_use]
pub struct TlsOptions {
    pub(super) server_ca: Option<Vec<u8>>,
    pub(super) server_name: Option<String>,
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// Shows no secret.
impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("server_ca", &self.server_ca.is_some())
            .field("server_name", &self.server_name)
            .field("client_certificate", &self.client.is_some())
            .finish()
    }
}

impl TlsOptions {
    /// The service proves itself to the certificate authorities of this machine.
    pub fn new() -> Self {
        Self::default()
    }

    /// The certificate authority, in PEM, that the service proves itself to instead.
    pub fn server_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.server_ca = Some(pem.into());
        self
    }

    /// The name that the service's certificate is for, when it is not the host's.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// The certificate and its private key, in PEM, by which this side proves itself (mTLS).
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.client = Some((certificate.into(), key.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let options = TemporalOptions::new("host")
            .api_key("hidden")
            .tls(TlsOptions::new().client_certificate("hidden", "hidden"));
        assert!(!format!("{options:?}").contains("hidden"));
    }
}
