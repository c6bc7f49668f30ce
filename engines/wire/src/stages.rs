//! How far updates have come, in Temporal's numbers.

use steadfast_engine::UpdateStage;
use temporalio_protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;

/// The stage of an update.
#[must_use]
pub fn update_stage_out(stage: UpdateStage) -> Stage {
    match stage {
        UpdateStage::Admitted => Stage::Admitted,
        UpdateStage::Accepted => Stage::Accepted,
        UpdateStage::Completed => Stage::Completed,
    }
}

/// The stage of an update that somebody knows.
#[must_use]
pub fn update_stage_in(number: i32) -> UpdateStage {
    match Stage::try_from(number) {
        Ok(Stage::Completed) => UpdateStage::Completed,
        Ok(Stage::Accepted) => UpdateStage::Accepted,
        Ok(Stage::Admitted | Stage::Unspecified) | Err(_) => UpdateStage::Admitted,
    }
}
