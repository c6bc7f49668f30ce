//! Encrypts what the embedded engine keeps in its file, with AES-256-GCM.
//!
//! Inputs, results, heartbeat details, memos and the texts of failures are encrypted, each batch with
//! a nonce of its own and bound to nothing but the key. Ids, types, task queues, times and search
//! attributes stay readable, because runs are found by them.
//!
//! In earnest the key comes from where secrets are kept, and never from the program's text.
//!
//! Run it with `cargo run --example encryption`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::{fmt, path::Path, sync::Arc};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead as _, AeadCore as _, KeyInit as _, OsRng},
};
use steadfast::{
    codec::{CodecError, PayloadCodec},
    core::payload::Payload,
    engine::{
        EngineError,
        embedded::{EmbeddedEngine, EmbeddedOptions},
    },
    prelude::*,
};

/// The name under which encrypted payloads are recognized.
const ENCODING: &str = "binary/encrypted";
/// The bytes of a nonce of AES-GCM (NIST SP 800-38D).
const NONCE: usize = 12;

struct Encryption(Aes256Gcm);

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryption(..)")
    }
}

impl Encryption {
    fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }
}

impl PayloadCodec for Encryption {
    fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
        let nonce = Aes256Gcm::generate_nonce(&mut OsRng);
        let sealed = self
            .0
            .encrypt(&nonce, payload.data.as_slice())
            .map_err(|_| CodecError::new("the payload is too long to be encrypted"))?;
        let mut metadata = payload.metadata;
        metadata.insert("was".to_owned(), payload.encoding.as_bytes().into());
        Ok(Payload {
            encoding: ENCODING.into(),
            data: [nonce.as_slice(), &sealed].concat().into(),
            metadata,
        })
    }

    fn decode(&self, mut payload: Payload) -> Result<Payload, CodecError> {
        if payload.encoding != ENCODING {
            // From before encryption was introduced.
            return Ok(payload);
        }
        let data = payload.data.as_slice();
        let (nonce, sealed) = data
            .split_at_checked(NONCE)
            .ok_or_else(|| CodecError::new("an encrypted payload is too short"))?;
        let opened = self
            .0
            .decrypt(Nonce::from_slice(nonce), sealed)
            .map_err(|_| CodecError::new("wrong key, or the payload was changed"))?;
        let was = payload.metadata.remove("was").unwrap_or_default();
        payload.encoding = String::from_utf8_lossy(was.as_slice()).into_owned().into();
        payload.data = opened.into();
        Ok(payload)
    }
}

/// Greets a patient, which nobody else needs to know.
#[workflow]
#[derive(Default)]
struct Appointment;

#[workflow_methods]
impl Appointment {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, patient: String) -> WorkflowResult<String> {
        Ok(format!("{patient} is expected at ten"))
    }
}

fn open(file: &Path, key: &[u8; 32]) -> Result<Arc<EmbeddedEngine>, EngineError> {
    let options = EmbeddedOptions::file(file).codec(Arc::new(Encryption::new(key)));
    EmbeddedEngine::open(options)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("clinic.db");
    let (key, other_key) = ([7; 32], [8; 32]);

    let engine = open(&file, &key)?;
    let client = Client::new(Arc::clone(&engine) as _);
    let worker = Worker::builder(&client, "clinic")
        .register_workflow::<Appointment>()
        .build()?;
    let options = WorkflowStartOptions::new("clinic", "appointment-1");
    let result = worker
        .run_until(async {
            client
                .start_workflow(Appointment::run, "Ada".to_owned(), options)
                .await?
                .result()
                .await
        })
        .await??;
    println!("result: {result}");
    // Everything is in the file now, and another engine can open it.
    engine.shutdown();

    let bytes = std::fs::read(&file)?;
    let readable = bytes.windows(3).any(|bytes| bytes == b"Ada");
    println!("the name can be read in the file: {readable}");

    let stranger = Client::new(open(&file, &other_key)?);
    let appointment = stranger.workflow::<Appointment>("appointment-1")?;
    match appointment.result().await {
        Ok(_) => anyhow::bail!("another key opened it"),
        Err(error) => println!("with another key: {error}"),
    }
    Ok(())
}
