//! Blocks that `macro_rules!` writes.

use steadfast::prelude::*;

macro_rules! counter {
    ($name:ident, $number:ty, $run:ident, $by:expr, $wire:literal) => {
        /// Counts.
        #[workflow(name = $wire)]
        #[derive(Debug, Default)]
        pub struct $name {
            count: $number,
        }

        #[workflow_methods]
        impl $name {
            /// Runs.
            #[run]
            pub async fn $run(
                ctx: &mut WorkflowContext<Self>,
                from: $number,
            ) -> WorkflowResult<$number> {
                ctx.state_mut(|state| state.count = from + $by);
                Ok(ctx.state(|state| state.count))
            }

            /// Adds.
            #[signal(name = $wire)]
            pub fn add(&mut self, number: $number) {
                self.count += number;
            }

            /// Answers.
            #[query]
            pub fn count(&self) -> $number {
                self.count
            }
        }
    };
}

counter!(Small, u8, run, 1, "small");
counter!(Large, u64, count_up, 2, "large");

macro_rules! activity {
    ($($name:ident($input:ident: $ty:ty) $body:block)*) => {
        /// Activities.
        #[derive(Debug)]
        pub struct Written;

        #[activities]
        impl Written {
            $(
                /// An activity.
                #[activity]
                pub async fn $name($input: $ty) -> $ty $body
            )*
        }
    };
}

activity! {
    one(number: u32) { number + 1 }
    text(text: String) { text }
}

#[test]
fn literals_of_a_macro_are_names() {
    use steadfast::definition::WorkflowDefinition;
    assert_eq!(<Small as WorkflowDefinition>::WORKFLOW_TYPE, "small");
    assert_eq!(<Large as WorkflowDefinition>::WORKFLOW_TYPE, "large");
}
