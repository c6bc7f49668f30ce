//! What whoever connects is told when it does not work.

use steadfast::{client::ClientError, connect};

use crate::service::variable;

#[tokio::test]
async fn nobody_answers() {
    let error = connect("temporal://127.0.0.1:1/default").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no Temporal Service answers at `127.0.0.1:1`: Connection refused (os error 111); start one with `temporal \
         server start-dev`, or correct the address (`temporals://` speaks TLS)"
    );
}

#[tokio::test]
async fn there_is_no_such_namespace() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let error = connect(&format!("temporal://{address}/nowhere"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the Temporal Service at `{address}` has no namespace `nowhere`; make it with `temporal operator namespace \
             create nowhere`, or name another one in the URL"
        )
    );
}

#[tokio::test]
async fn a_url_is_not_valid() {
    let error = connect("temporal://localhost:seven/default")
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Url { .. }));
    assert_eq!(
        error.to_string(),
        "`temporal://localhost:seven/default` is not the URL of an engine: `localhost:seven` is not the address of a \
         Temporal Service: the port is not a number from 0 to 65535; write `host:port`"
    );
}
