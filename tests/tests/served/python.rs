//! A worker of Temporal's Python SDK on a file that we serve.

use std::sync::Arc;

use steadfast::engine::{Engine, embedded::EmbeddedEngine};
use steadfast_server::{ServeOptions, serve};
use tokio::process::Command;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to know")]
async fn a_python_worker_works_on_a_file() {
    let Ok(python) = std::env::var("STEADFAST_PYTHON") else {
        println!("skipped: the variable STEADFAST_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(folder.path().join("python.db")).unwrap();
    let anywhere = ServeOptions::default().listen(([127, 0, 0, 1], 0).into());
    let server = serve(engine as Arc<dyn Engine>, anywhere).await.unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/served/worker.py");
    let output = Command::new(python)
        .args([script, &server.address().to_string()])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "all is well\n", "{errors}");
    server.stop().await.unwrap();
}
