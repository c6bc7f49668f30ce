//! Connections over TLS, with and without a certificate of the client's own.

use std::process::Stdio;

use steadfast::{
    engine::temporal::{TemporalEngine, TemporalOptions, TlsOptions},
    prelude::*,
};
use steadfast_server::ServeOptions;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{places::Place, service::variable};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/temporal/tls");

pub(crate) fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// A process that speaks TLS for a service, and its port.
pub(crate) async fn proxy() -> Option<(Child, u16)> {
    let service = variable("STEADFAST_TEMPORAL_ADDRESS")?;
    let python = variable("STEADFAST_PYTHON")?;
    let mut process = Command::new(python)
        .args([&path("proxy.py"), FOLDER, &service])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    Some((process, port))
}

/// Connects and asks something; the text of what went wrong.
async fn ask(port: u16, tls: TlsOptions) -> Result<(), String> {
    let options = TemporalOptions::new(format!("127.0.0.1:{port}"))
        .namespace("default")
        .unwrap()
        .tls(tls);
    let engine = TemporalEngine::connect(options)
        .await
        .map_err(|error| error.to_string())?;
    let health = Client::new(engine).check_health().await;
    health.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_service_that_proves_itself_and_asks_for_a_proof() {
    let Some((_proxy, port)) = proxy().await else {
        return;
    };
    judge(port).await;
}

#[tokio::test]
async fn our_own_server_proves_itself_and_asks_for_a_proof() {
    let options = ServeOptions::default()
        .tls(read("server.pem"), read("server.key"))
        .client_authorities(read("ca.pem"));
    let own = Place::own_with(options).await;
    let (_, port) = own.address.rsplit_once(':').unwrap();
    judge(port.parse().unwrap()).await;
}

/// Who has a certificate that the other side vouches for gets in, and nobody else.
async fn judge(port: u16) {
    let named = || {
        TlsOptions::new()
            .server_ca(read("ca.pem"))
            .server_name("service.test")
    };
    let whole = named().client_certificate(read("client.pem"), read("client.key"));
    ask(port, whole).await.unwrap();

    // Without the client's certificate, with another name, and with an authority that does not
    // vouch for the service.
    assert!(ask(port, named()).await.is_err());
    let other_name = TlsOptions::new()
        .server_ca(read("ca.pem"))
        .server_name("another.test")
        .client_certificate(read("client.pem"), read("client.key"));
    let error = ask(port, other_name).await.unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    let stranger = TlsOptions::new()
        .server_name("service.test")
        .client_certificate(read("client.pem"), read("client.key"));
    let error = ask(port, stranger).await.unwrap_err();
    assert!(error.contains("certificate"), "{error}");
}
