//! Workflows and activities that live in a function.

#[test]
fn a_function_can_hold_a_workflow() {
    use steadfast::{
        definition::{ActivityDefinition, WorkflowDefinition},
        prelude::*,
    };

    #[workflow]
    #[derive(Debug, Default)]
    struct Local {
        seen: u32,
    }

    struct Acts;

    #[activities]
    impl Acts {
        #[activity]
        async fn charge(&self, number: u32) -> u32 {
            number
        }
    }

    #[workflow_methods]
    impl Local {
        #[run]
        async fn run(ctx: &mut WorkflowContext<Self>) -> u32 {
            ctx.state(|state| state.seen)
        }

        #[signal]
        fn seen(&mut self) {
            self.seen += 1;
        }
    }

    fn name<A: ActivityDefinition>(_: A) -> &'static str {
        A::ACTIVITY_TYPE
    }

    assert_eq!(<Local as WorkflowDefinition>::WORKFLOW_TYPE, "Local");
    assert_eq!(name(Acts::charge), "charge");
    let _ = (Local::run, Local::seen);
}
