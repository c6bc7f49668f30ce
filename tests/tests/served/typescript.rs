//! The client and the worker of Temporal's TypeScript SDK on a file that we serve, beside a Temporal Service: both have to
//! tell the same, and write the same histories. `typescript/known.js` lists where they do not yet.

use std::{env::var, sync::Arc};

use steadfast::engine::{Engine, embedded::EmbeddedEngine};
use steadfast_server::{ServeOptions, serve};
use tokio::process::Command;

#[tokio::test]
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to know")]
async fn typescript_sees_a_served_file_as_it_sees_a_service() {
    let (Ok(_), Ok(service)) = (
        var("STEADFAST_NODE_MODULES"),
        var("STEADFAST_TEMPORAL_ADDRESS"),
    ) else {
        println!("skipped: STEADFAST_NODE_MODULES and STEADFAST_TEMPORAL_ADDRESS are not both set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(folder.path().join("typescript.db")).unwrap();
    let anywhere = ServeOptions::default().listen(([127, 0, 0, 1], 0).into());
    let server = serve(engine as Arc<dyn Engine>, anywhere).await.unwrap();
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/served/typescript/scenes.js"
    );
    let output = Command::new("node")
        .args([script, &server.address().to_string(), &service])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "all is well\n", "{errors}");
    server.stop().await.unwrap();
}
