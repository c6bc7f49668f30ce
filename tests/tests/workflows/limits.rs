//! Too large a value is an error where it was made, at once (F8), on the embedded engine.

use steadfast::prelude::*;

use crate::too_large;

async fn with_worker(judge: impl AsyncFn(&Client)) {
    for cached_runs in [100, 0] {
        let client = Client::connect("memory:").await.unwrap();
        let worker = too_large::worker(&client, cached_runs);
        worker.run_until(judge(&client)).await.unwrap();
    }
}

#[tokio::test]
async fn f8_code_is_told_of_what_is_too_large() {
    with_worker(too_large::judge_code).await;
}

#[tokio::test]
async fn f8_clients_are_told_of_what_is_too_large() {
    with_worker(too_large::judge_clients).await;
}
