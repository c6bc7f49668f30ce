//! Reads options from a URL and from the environment.

use steadfast_engine::EngineError;

use super::{environment::Environment, options::TemporalOptions};

impl TemporalOptions {
    /// What the environment says, as Temporal's own SDKs and its command line read it: the variables
    /// `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS` and
    /// `TEMPORAL_TLS_*`, `TEMPORAL_GRPC_META_*`, over the profile `TEMPORAL_PROFILE` of the file
    /// `TEMPORAL_CONFIG_FILE`, which is `temporalio/temporal.toml` in the user's folder of
    /// configurations when nothing else is said. What neither says is `127.0.0.1:7233` and the
    /// namespace `default`.
    ///
    /// # Errors
    ///
    /// When a value is not valid, a file cannot be read, or a profile that is asked for is not there.
    pub fn from_environment() -> Result<Self, EngineError> {
        Environment::of_process().options()
    }

    /// Reads a URL: `temporal://host:port/namespace` is exactly what it says, `temporals://..` is the
    /// same over TLS with the credentials of the [environment](Self::from_environment), and
    /// `temporal:` is what the environment says.
    ///
    /// # Errors
    ///
    /// When the URL is not valid; the text says what to write. Or as
    /// [`from_environment`](Self::from_environment).
    pub fn from_url(url: &str) -> Result<Self, EngineError> {
        Self::read_url(url, &Environment::of_process())
    }

    fn read_url(url: &str, environment: &Environment) -> Result<Self, EngineError> {
        let expected =
            "write `temporal://127.0.0.1:7233/default`, that is host, port and namespace";
        let (scheme, rest) = url
            .split_once(':')
            .ok_or_else(|| EngineError::invalid(expected))?;
        let secure = scheme == "temporals";
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        if rest.is_empty() && !secure {
            return environment.options();
        }
        if let Some((_, _)) = rest.split_once('@') {
            return Err(EngineError::invalid(
                "a URL holds no secrets; use `TEMPORAL_API_KEY` or `TemporalOptions::api_key`",
            ));
        }
        if let Some(at) = rest.find(['?', '#']) {
            return Err(EngineError::invalid(format!(
                "`{}` is not known in a URL; {expected}",
                &rest[at..]
            )));
        }
        let (address, namespace) = rest.split_once('/').unwrap_or((rest, ""));
        let namespace = namespace.trim_end_matches('/');
        if namespace.contains('/') {
            return Err(EngineError::invalid(format!(
                "`{namespace}` is not a namespace: it contains `/`; {expected}"
            )));
        }
        let mut options = if secure {
            let mut options = environment.options()?;
            options.tls.get_or_insert_default();
            options.plaintext = false;
            options.namespace = None;
            options
        } else {
            let mut options = Self::new("");
            options.plaintext = true;
            options
        };
        options.address = address.to_owned();
        options.host_and_port()?;
        if !namespace.is_empty() {
            options = options.namespace(namespace)?;
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<TemporalOptions, String> {
        let environment = Environment::of([("TEMPORAL_API_KEY", "secret")]);
        TemporalOptions::read_url(url, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_names_host_port_and_namespace() {
        let options = read("temporal://localhost:7000/orders").unwrap();
        assert_eq!(options.host_and_port().unwrap(), ("localhost", 7000));
        assert_eq!(options.namespace.unwrap().as_str(), "orders");
        let options = read("temporal://[::1]").unwrap();
        assert_eq!(options.host_and_port().unwrap(), ("[::1]", 7233));
        assert!(options.namespace.is_none());
    }

    #[test]
    fn a_plain_url_takes_no_secret_of_the_environment() {
        let options = read("temporal://localhost").unwrap();
        assert!(!options.uses_tls());
        assert!(options.api_key.is_none());
        let options = read("temporals://localhost").unwrap();
        assert!(options.uses_tls());
        assert_eq!(options.api_key.as_deref(), Some("secret"));
    }

    #[test]
    fn a_url_that_is_not_valid_says_what_to_write() {
        for (url, text) in [
            (
                "temporal://localhost:port/x",
                "`localhost:port` is not the address of a Temporal Service: the port is not a number from 0 to \
                 65535; write `host:port`",
            ),
            (
                "temporal:///orders",
                "`` is not the address of a Temporal Service: the host is missing; write `host:port`",
            ),
            (
                "temporal://key@localhost",
                "a URL holds no secrets; use `TEMPORAL_API_KEY` or `TemporalOptions::api_key`",
            ),
            (
                "temporal://localhost/a/b",
                "`a/b` is not a namespace: it contains `/`; write `temporal://127.0.0.1:7233/default`, that is host, \
                 port and namespace",
            ),
            (
                "temporal://localhost/a?tls=true",
                "`?tls=true` is not known in a URL; write `temporal://127.0.0.1:7233/default`, that is host, port \
                 and namespace",
            ),
        ] {
            assert_eq!(read(url).unwrap_err(), text);
        }
    }
}
