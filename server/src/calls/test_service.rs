//! The service with which tests of all languages skip time.

use std::{sync::Arc, time::Duration};

use prost_wkt_types::{Duration as ProtoDuration, Timestamp as ProtoTimestamp};
use steadfast_core::time::Timestamp;
use steadfast_wire::values::{optional_time, time_out};
use temporalio_protos::temporal::api::testservice::v1 as proto;
use tonic::Status;

use crate::{api::Api, method::Reply, time_skipping::TimeSkipping};

/// How this server skips time.
fn time_skipping(api: &Api) -> Reply<&TimeSkipping> {
    api.time_skipping.as_deref().ok_or_else(|| {
        Status::unimplemented(
            "time is not skipped here; `steadfast serve --memory --time-skipping` is a server for tests",
        )
    })
}

fn after(time: Timestamp, duration: Option<ProtoDuration>) -> Reply<Timestamp> {
    let duration = duration.unwrap_or_default();
    match (
        u64::try_from(duration.seconds),
        u32::try_from(duration.nanos),
    ) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => {
            Ok(time.after(Duration::new(seconds, nanos)))
        }
        _ => Err(Status::invalid_argument("the duration is negative")),
    }
}

pub(super) async fn lock(
    api: Arc<Api>,
    _: proto::LockTimeSkippingRequest,
) -> Reply<proto::LockTimeSkippingResponse> {
    time_skipping(&api)?.lock();
    Ok(proto::LockTimeSkippingResponse {})
}

pub(super) async fn unlock(
    api: Arc<Api>,
    _: proto::UnlockTimeSkippingRequest,
) -> Reply<proto::UnlockTimeSkippingResponse> {
    time_skipping(&api)?.unlock()?;
    Ok(proto::UnlockTimeSkippingResponse {})
}

pub(super) async fn sleep(
    api: Arc<Api>,
    request: proto::SleepRequest,
) -> Reply<proto::SleepResponse> {
    let time_skipping = time_skipping(&api)?;
    let until = after(time_skipping.now(), request.duration)?;
    time_skipping.sleep_until(until).await;
    Ok(proto::SleepResponse {})
}

pub(super) async fn sleep_until(
    api: Arc<Api>,
    request: proto::SleepUntilRequest,
) -> Reply<proto::SleepResponse> {
    let time_skipping = time_skipping(&api)?;
    let until = optional_time(request.timestamp);
    let until = until.ok_or_else(|| Status::invalid_argument("timestamp not set"))?;
    time_skipping.sleep_until(until).await;
    Ok(proto::SleepResponse {})
}

pub(super) async fn unlock_while_sleeping(
    api: Arc<Api>,
    request: proto::SleepRequest,
) -> Reply<proto::SleepResponse> {
    let time_skipping = time_skipping(&api)?;
    let until = after(time_skipping.now(), request.duration)?;
    time_skipping.unlock_until(until).await?;
    Ok(proto::SleepResponse {})
}

pub(super) async fn now(api: Arc<Api>, _: ()) -> Reply<proto::GetCurrentTimeResponse> {
    let now: ProtoTimestamp = time_out(time_skipping(&api)?.now());
    Ok(proto::GetCurrentTimeResponse { time: Some(now) })
}
