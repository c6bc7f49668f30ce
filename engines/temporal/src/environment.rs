//! The variables and the file by which Temporal's tools are told where the service is.
//!
//! The rules are those of the official SDKs: a variable wins over the profile, an API key turns TLS
//! on unless TLS is turned off, names of headers are written with dashes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::Deserialize;
use steadfast_engine::EngineError;

use super::options::{TemporalOptions, TlsOptions};

const DEFAULT_ADDRESS: &str = "127.0.0.1:7233";
const DEFAULT_PROFILE: &str = "default";
const HEADER_PREFIX: &str = "TEMPORAL_GRPC_META_";

/// Variables by their names.
pub(super) struct Environment(BTreeMap<String, String>);

/// A file of profiles. What other tools keep in it is passed over.
#[derive(Default, Deserialize)]
struct File {
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

#[derive(Clone, Default, Deserialize)]
struct Profile {
    address: Option<String>,
    namespace: Option<String>,
    api_key: Option<String>,
    tls: Option<Tls>,
    #[serde(default)]
    grpc_meta: BTreeMap<String, String>,
}

#[derive(Clone, Default, Deserialize)]
struct Tls {
    disabled: Option<bool>,
    client_cert_path: Option<String>,
    client_cert_data: Option<String>,
    client_key_path: Option<String>,
    client_key_data: Option<String>,
    server_ca_cert_path: Option<String>,
    server_ca_cert_data: Option<String>,
    server_name: Option<String>,
    #[serde(default)]
    disable_host_verification: bool,
}

impl Environment {
    /// That of this process. A variable that is not text is none.
    pub(super) fn of_process() -> Self {
        let variables = std::env::vars_os();
        let texts = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(texts.collect())
    }

    #[cfg(test)]
    pub(super) fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(BTreeMap::from(variables))
    }

    /// A variable that is set and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, EngineError> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(EngineError::invalid(format!(
                "`{name}` is `{other}`; write `true` or `false`"
            ))),
        }
    }

    pub(super) fn options(&self) -> Result<TemporalOptions, EngineError> {
        let mut profile = self.profile()?;
        let text = |name: &str, field: &mut Option<String>| {
            if let Some(value) = self.get(name) {
                *field = Some(value.to_owned());
            }
        };
        text("TEMPORAL_ADDRESS", &mut profile.address);
        text("TEMPORAL_NAMESPACE", &mut profile.namespace);
        text("TEMPORAL_API_KEY", &mut profile.api_key);
        let variables = self.0.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(HEADER_PREFIX)?.to_owned(), value.clone()))
        });
        let headers = profile.grpc_meta.into_iter().chain(variables);
        let tls = self.tls(profile.tls.take())?;

        let address = profile
            .address
            .unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let mut options = TemporalOptions::new(address);
        if let Some(namespace) = &profile.namespace {
            options = options.namespace(namespace)?;
        }
        options.api_key = profile.api_key;
        for (name, value) in headers {
            let name = name.to_ascii_lowercase().replace('_', "-");
            // An empty value takes back what the profile says.
            if value.is_empty() {
                options.headers.remove(&name);
            } else {
                options.headers.insert(name, value);
            }
        }
        if let Some(tls) = tls {
            options.plaintext = tls.disabled == Some(true);
            if !options.plaintext {
                options.tls = Some(tls.options()?);
            }
        }
        options.host_and_port()?;
        Ok(options)
    }

    /// The profile of the file, or an empty one where nobody asked for a certain one.
    fn profile(&self) -> Result<Profile, EngineError> {
        let asked = self.get("TEMPORAL_PROFILE");
        let name = asked.unwrap_or(DEFAULT_PROFILE);
        let path = self.get("TEMPORAL_CONFIG_FILE").map(PathBuf::from);
        let Some(path) = path.or_else(|| self.default_file()) else {
            return Ok(Profile::default());
        };
        let file: File = match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                EngineError::invalid(format!("`{}` cannot be read: {error}", path.display()))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(cannot_read(&path.display().to_string(), &error)),
        };
        match (file.profile.get(name), asked) {
            (Some(profile), _) => Ok(profile.clone()),
            (None, None) => Ok(Profile::default()),
            (None, Some(_)) => {
                let names: Vec<&str> = file.profile.keys().map(String::as_str).collect();
                Err(EngineError::invalid(format!(
                    "`{}` has no profile `{name}`; its profiles are: {}",
                    path.display(),
                    names.join(", ")
                )))
            }
        }
    }

    /// Where Temporal's tools keep their file.
    fn default_file(&self) -> Option<PathBuf> {
        let home = |name: &str| self.get(name).map(PathBuf::from);
        let folder = if cfg!(target_os = "macos") {
            home("HOME").map(|home| home.join("Library/Application Support"))
        } else if cfg!(windows) {
            home("AppData")
        } else {
            home("XDG_CONFIG_HOME").or_else(|| home("HOME").map(|home| home.join(".config")))
        };
        Some(folder?.join("temporalio").join("temporal.toml"))
    }

    fn tls(&self, profile: Option<Tls>) -> Result<Option<Tls>, EngineError> {
        let mut asked = profile.is_some();
        let mut tls = profile.unwrap_or_default();
        if let Some(enabled) = self.flag("TEMPORAL_TLS")? {
            tls.disabled = Some(!enabled);
            asked = true;
        }
        for (name, path, data) in [
            (
                "TEMPORAL_TLS_CLIENT_CERT",
                &mut tls.client_cert_path,
                &mut tls.client_cert_data,
            ),
            (
                "TEMPORAL_TLS_CLIENT_KEY",
                &mut tls.client_key_path,
                &mut tls.client_key_data,
            ),
            (
                "TEMPORAL_TLS_SERVER_CA_CERT",
                &mut tls.server_ca_cert_path,
                &mut tls.server_ca_cert_data,
            ),
        ] {
            let new_path = self.get(&format!("{name}_PATH"));
            let new_data = self.get(&format!("{name}_DATA"));
            if new_path.is_some() && new_data.is_some() {
                return Err(EngineError::invalid(format!(
                    "`{name}_PATH` and `{name}_DATA` are both set; keep one of them"
                )));
            }
            if new_path.is_some() || new_data.is_some() {
                *path = new_path.map(str::to_owned);
                *data = new_data.map(str::to_owned);
                asked = true;
            }
        }
        if let Some(name) = self.get("TEMPORAL_TLS_SERVER_NAME") {
            tls.server_name = Some(name.to_owned());
            asked = true;
        }
        if let Some(disable) = self.flag("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION")? {
            tls.disable_host_verification = disable;
            asked = true;
        }
        Ok(asked.then_some(tls))
    }
}

impl Tls {
    fn options(self) -> Result<TlsOptions, EngineError> {
        if self.disable_host_verification {
            return Err(EngineError::Unsupported {
                message: "a service that proves nothing may be anybody: host verification cannot be turned \
                          off; give its certificate as `TEMPORAL_TLS_SERVER_CA_CERT_PATH` and its name as \
                          `TEMPORAL_TLS_SERVER_NAME`"
                    .to_owned(),
            });
        }
        let mut options = TlsOptions::new();
        options.server_name = self.server_name;
        options.server_ca = read(self.server_ca_cert_path, self.server_ca_cert_data)?;
        let certificate = read(self.client_cert_path, self.client_cert_data)?;
        let key = read(self.client_key_path, self.client_key_data)?;
        options.client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(EngineError::invalid(
                    "a client certificate needs its key, and a key its certificate; set \
                     `TEMPORAL_TLS_CLIENT_CERT_PATH` and `TEMPORAL_TLS_CLIENT_KEY_PATH`",
                ));
            }
        };
        Ok(options)
    }
}

fn read(path: Option<String>, data: Option<String>) -> Result<Option<Vec<u8>>, EngineError> {
    match (path, data) {
        (Some(_), Some(_)) => Err(EngineError::invalid(
            "a profile gives both the path and the data of a certificate or key; keep one of them",
        )),
        (Some(path), None) => match fs::read(&path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => Err(cannot_read(&path, &error)),
        },
        (None, data) => Ok(data.map(String::into_bytes)),
    }
}

fn cannot_read(path: &str, error: &std::io::Error) -> EngineError {
    EngineError::invalid(format!("`{path}` cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_a_local_service() {
        let options = Environment::of([]).options().unwrap();
        assert_eq!(options.host_and_port().unwrap(), ("127.0.0.1", 7233));
        assert!(!options.uses_tls());
    }

    #[test]
    fn a_variable_wins_over_the_profile_and_completes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temporal.toml");
        let text = "[profile.prod]\naddress = \"a:1\"\nnamespace = \"n\"\napi_key = \"k\"\n\
                    [profile.prod.tls]\nserver_name = \"s\"\n[profile.prod.codec]\nendpoint = \"e\"\n\
                    [profile.prod.grpc_meta]\nSome_Key = \"v\"\nother = \"w\"\n";
        fs::write(&path, text).unwrap();
        let environment = Environment::of([
            ("TEMPORAL_CONFIG_FILE", path.to_str().unwrap()),
            ("TEMPORAL_PROFILE", "prod"),
            ("TEMPORAL_NAMESPACE", "m"),
            ("TEMPORAL_GRPC_META_OTHER", ""),
        ]);
        let options = environment.options().unwrap();
        assert_eq!(options.address, "a:1");
        assert_eq!(options.namespace.as_ref().unwrap().as_str(), "m");
        assert_eq!(options.api_key.as_deref(), Some("k"));
        assert_eq!(
            options.tls.as_ref().unwrap().server_name.as_deref(),
            Some("s")
        );
        let headers = BTreeMap::from([("some-key".to_owned(), "v".to_owned())]);
        assert_eq!(options.headers, headers);
    }

    #[test]
    fn an_api_key_turns_tls_on_unless_it_is_turned_off() {
        let with = |tls| {
            let environment = Environment::of([("TEMPORAL_API_KEY", "k"), ("TEMPORAL_TLS", tls)]);
            environment.options().unwrap().uses_tls()
        };
        assert_eq!([with(""), with("true"), with("false")], [true, true, false]);
    }

    #[test]
    fn what_is_not_valid_is_named() {
        for (variables, text) in [
            (
                [("TEMPORAL_TLS", "perhaps"), ("_", "")],
                "`TEMPORAL_TLS` is `perhaps`; write `true` or `false`",
            ),
            (
                [
                    ("TEMPORAL_TLS_CLIENT_CERT_PATH", "a"),
                    ("TEMPORAL_TLS_CLIENT_CERT_DATA", "b"),
                ],
                "`TEMPORAL_TLS_CLIENT_CERT_PATH` and `TEMPORAL_TLS_CLIENT_CERT_DATA` are both set; keep one of them",
            ),
            (
                [("TEMPORAL_TLS_CLIENT_CERT_DATA", "b"), ("_", "")],
                "a client certificate needs its key, and a key its certificate; set \
                 `TEMPORAL_TLS_CLIENT_CERT_PATH` and `TEMPORAL_TLS_CLIENT_KEY_PATH`",
            ),
            (
                [
                    ("TEMPORAL_PROFILE", "p"),
                    ("TEMPORAL_CONFIG_FILE", "/nowhere"),
                ],
                "`/nowhere` has no profile `p`; its profiles are: ",
            ),
        ] {
            let error = Environment::of(variables).options().unwrap_err();
            assert_eq!(error.to_string(), text);
        }
    }
}
