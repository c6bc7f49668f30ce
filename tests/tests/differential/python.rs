//! The process that runs programs on Temporal's Python SDK.

use std::{process::Stdio, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    sync::{mpsc, watch},
};

use crate::board::Board;

/// One process, which serves many task queues.
pub(crate) struct Python {
    orders: mpsc::UnboundedSender<Value>,
    /// The queues that have a worker.
    serving: watch::Receiver<Vec<String>>,
    _process: Child,
}

impl Python {
    pub(crate) fn start(python: &str, address: &str, namespace: &str, board: &Arc<Board>) -> Self {
        let script = format!(
            "{}/tests/differential/interpreter.py",
            env!("CARGO_MANIFEST_DIR")
        );
        let mut process = Command::new(python)
            .args([&script, address, namespace])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(match std::env::var_os("STEADFAST_DIFFERENTIAL_LOGS") {
                Some(_) => Stdio::inherit(),
                None => Stdio::null(),
            })
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let (orders, mut given) = mpsc::unbounded_channel::<Value>();
        tokio::spawn(async move {
            while let Some(order) = given.recv().await {
                if stdin
                    .write_all(format!("{order}\n").as_bytes())
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (serves, serving) = watch::channel(Vec::new());
        let (board, release) = (Arc::clone(board), orders.clone());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // What the SDK logs comes the same way.
                let Ok(told) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                if let Some((id, label)) = key(&told["held"]) {
                    let (release, key) = (release.clone(), json!([id, label]));
                    board.hold(&id, &label, move || {
                        let _ = release.send(json!({"release": key}));
                    });
                } else if let Some((id, label)) = key(&told["ended"]) {
                    board.ended(&id, &label);
                } else if let Some(queue) = told["started"].as_str() {
                    serves.send_modify(|queues| queues.push(queue.to_owned()));
                } else if let Some(queue) = told["stopped"].as_str() {
                    serves.send_modify(|queues| queues.retain(|other| other != queue));
                }
            }
        });
        Self {
            orders,
            serving,
            _process: process,
        }
    }

    /// Starts a worker of a queue, and waits until it polls.
    pub(crate) async fn serve(&self, queue: &str) {
        self.orders.send(json!({"start": queue})).unwrap();
        self.until(|queues| queues.iter().any(|other| other == queue))
            .await;
    }

    /// Stops the worker of a queue.
    pub(crate) async fn stop(&self, queue: &str) {
        self.orders.send(json!({"stop": queue})).unwrap();
        self.until(|queues| queues.iter().all(|other| other != queue))
            .await;
    }

    async fn until(&self, holds: impl FnMut(&Vec<String>) -> bool) {
        let mut serving = self.serving.clone();
        serving
            .wait_for(holds)
            .await
            .expect("the Python process ended; STEADFAST_DIFFERENTIAL_LOGS=1 shows what it said");
    }
}

fn key(told: &Value) -> Option<(String, String)> {
    let text = |index: usize| Some(told.get(index)?.as_str()?.to_owned());
    Some((text(0)?, text(1)?))
}
