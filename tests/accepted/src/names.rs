//! Names that could clash: raw identifiers, those of other generated items, of handles' methods,
//! of traits, and the same in another case.

use steadfast::prelude::*;

/// The same names as [`steadfast::prelude`] has, which the expansion must not confuse.
mod shadows {
    #![allow(dead_code, reason = "their names are all that matters")]
    pub(super) struct Result;
    pub(super) struct Option;
    pub(super) struct Vec;
    pub(super) struct Box;
    pub(super) struct String;
    pub(super) struct Some;
    pub(super) struct Ok;
}

use shadows::{Box, Ok, Option, Result, Some, String, Vec};

/// Uses the names above.
pub fn shadows() {
    let _ = (Box, Ok, Option, Result, Some, String, Vec);
}

/// Its own handle has another name, because there is one.
#[workflow]
#[derive(Debug, Default)]
pub struct r#Trip {
    r#type: u32,
}

/// Taken.
#[derive(Debug)]
pub struct TripHandle;

#[workflow_methods(handle = TripRef)]
impl r#Trip {
    /// A keyword.
    #[run]
    pub async fn r#loop(_: &mut WorkflowContext<Self>, r#in: u32) -> u32 {
        r#in
    }

    /// A keyword.
    #[signal]
    pub fn r#match(&mut self, r#type: u32) {
        self.r#type = r#type;
    }

    /// A keyword.
    #[query]
    pub fn r#type(&self) -> u32 {
        self.r#type
    }

    /// A name of every handle.
    #[signal]
    pub fn cancel(&mut self) {}

    /// A name of every handle.
    #[query]
    pub fn history(&self) -> u32 {
        self.r#type
    }

    /// A signal and a query may have one name on the wire.
    #[query(name = "match")]
    pub fn matched(&self) -> u32 {
        self.r#type
    }

    /// Names that generated code has, too.
    #[update]
    pub fn handle(&mut self, input: u32, context: u32, state: u32, payloads: u32, set: u32) -> u32 {
        input + context + state + payloads + set + self.r#type
    }

    /// The same in another case.
    #[signal]
    #[expect(non_snake_case, reason = "another case is another name")]
    pub fn Cancel(&mut self) {}
}

/// Not a workflow that clashes with the one below.
#[workflow]
#[derive(Debug, Default)]
#[expect(
    non_camel_case_types,
    reason = "its name ends where the next one's method begins"
)]
pub struct Trip_a;

#[workflow_methods]
impl Trip_a {
    /// `Trip_a::b`.
    #[run]
    pub async fn b() {}
}

/// Its method is `a_b`.
#[workflow]
#[derive(Debug, Default)]
pub struct Trips;

#[workflow_methods]
impl Trips {
    /// `Trips::a_b`.
    #[run]
    pub async fn a_b() {}

    /// Not generated.
    #[signal]
    pub fn name(&mut self) {}
}

/// An activity may be called like a type parameter or a type of the expansion.
#[derive(Debug)]
pub struct F;

#[activities]
impl F {
    /// Called like the type.
    #[activity(name = "F")]
    pub async fn f(w: u32) -> u32 {
        w
    }
}

/// Workflows of one letter, as the type parameters of an expansion may have.
pub mod letters {
    use steadfast::prelude::*;

    macro_rules! letters {
        ($($letter:ident)*) => {$(
            /// A workflow.
            #[workflow]
            #[derive(Debug, Default)]
            pub struct $letter;

            #[workflow_methods]
            impl $letter {
                /// Runs.
                #[run]
                pub async fn run(_: &mut WorkflowContext<Self>, input: u32) -> u32 {
                    input
                }

                /// Hears.
                #[signal]
                pub fn hear(&mut self, _input: u32) {}

                /// Says.
                #[query]
                pub fn say(&self) -> u32 {
                    0
                }

                /// Changes.
                #[update]
                pub fn change(&mut self, input: u32) -> u32 {
                    input
                }
            }
        )*};
    }

    letters!(A B C D E F G H I J K L M N O P Q R S T U V W X Y Z);
}

/// Activities of types of one letter.
pub mod letters_with_activities {
    use steadfast::prelude::*;

    macro_rules! letters {
        ($($letter:ident)*) => {$(
            /// Has an activity.
            #[derive(Debug)]
            pub struct $letter;

            #[activities]
            impl $letter {
                /// Works.
                #[activity]
                pub async fn work(&self, input: u32) -> u32 {
                    input
                }
            }
        )*};
    }

    letters!(A B C D E F G H I J K L M N O P Q R S T U V W X Y Z);
}

#[test]
fn names_on_the_wire_have_no_prefix() {
    use steadfast::definition::{QueryDefinition, SignalDefinition, WorkflowDefinition};
    fn signal<S: SignalDefinition>(_: S) -> &'static str {
        S::NAME
    }
    fn query<Q: QueryDefinition>(_: Q) -> &'static str {
        Q::NAME
    }
    assert_eq!(<Trip as WorkflowDefinition>::WORKFLOW_TYPE, "Trip");
    assert_eq!(signal(Trip::r#match), "match");
    assert_eq!(query(Trip::r#type), "type");
    assert_eq!(query(Trip::matched), "match");
    assert_eq!(signal(Trip::Cancel), "Cancel");
    assert_eq!(signal(Trip::cancel), "cancel");
}
