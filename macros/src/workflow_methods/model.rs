//! What a `#[workflow_methods]` block says, without judging it.

use proc_macro2::{Ident, TokenStream};
use syn::Path;

use crate::{casing::wire_name, docs, items::Block, options::Options, signature::Method};

/// One impl block.
#[derive(Debug)]
pub(super) struct Model {
    /// The block without our attributes.
    pub(super) block: Block,
    pub(super) options: Options,
    pub(super) methods: Vec<Marked>,
    /// Methods with a mistake, which were taken out of the others.
    pub(super) wrong: Vec<WrongMethod>,
}

/// A method with a mistake.
#[derive(Debug)]
pub(super) struct WrongMethod {
    pub(super) marked: Marked,
    /// What stands in for its value and its types.
    pub(super) stand_in: TokenStream,
}

/// A method with one of our attributes.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) kind: Kind,
    /// The attribute's path, for errors about the attribute itself.
    pub(super) attribute: Path,
    pub(super) options: Options,
    /// What stands in `#[update_validator(..)]`.
    pub(super) target: Target,
    pub(super) method: Method,
    /// Attributes of ours that are one too many.
    pub(super) repeated: Vec<Path>,
}

/// Which update a validator is for.
#[derive(Debug)]
pub(super) enum Target {
    /// The attribute takes none, or nothing is written.
    None,
    Update(Ident),
    /// Something is written that is not a name.
    Unreadable(TokenStream),
}

/// What a method is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Init,
    Run,
    Signal,
    Query,
    Update,
    Validator,
}

impl Kind {
    /// What generated code calls the kind.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Init => "Init",
            Self::Run => "Run",
            Self::Signal => "Signal",
            Self::Query => "Query",
            Self::Update => "Update",
            Self::Validator => "Validator",
        }
    }
}

impl Model {
    /// The main function.
    pub(super) fn run(&self) -> Option<&Marked> {
        self.of(Kind::Run).next()
    }

    /// The function that creates the state.
    pub(super) fn init(&self) -> Option<&Marked> {
        self.of(Kind::Init).next()
    }

    /// The methods of one kind in the order of the block.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Marked> {
        self.methods
            .iter()
            .filter(move |marked| marked.kind == kind)
    }

    /// Whether somebody tried to write a run method.
    pub(super) fn has_run(&self) -> bool {
        let is_run = |wrong: &WrongMethod| wrong.marked.kind == Kind::Run;
        self.run().is_some() || self.wrong.iter().any(is_run) || self.block.hides(&["run"])
    }

    /// Whether the methods that decide of the workflow's input are all there.
    pub(super) fn is_whole(&self) -> bool {
        !self.block.hides(&["init", "run"]) && self.stand_in().is_none()
    }

    /// What was said of the method that decides of the workflow's input.
    pub(super) fn stand_in(&self) -> Option<&TokenStream> {
        let decides = |wrong: &&WrongMethod| match wrong.marked.kind {
            Kind::Run => self.run().is_none(),
            Kind::Init => self.init().is_none(),
            Kind::Signal | Kind::Query | Kind::Update | Kind::Validator => false,
        };
        self.wrong.iter().find(decides).map(|wrong| &wrong.stand_in)
    }

    /// The validator of an update.
    pub(super) fn validator(&self, update: &Marked) -> Option<&Marked> {
        self.of(Kind::Validator).find(|validator| {
            matches!(&validator.target, Target::Update(name) if *name == update.method.signature.ident)
        })
    }
}

impl Marked {
    /// The name that goes on the wire.
    pub(super) fn name(&self) -> String {
        self.options.string("name").map_or_else(
            || wire_name(&self.method.signature.ident),
            |name| name.value(),
        )
    }

    /// What the documentation of the method says; empty if it says nothing.
    pub(super) fn description(&self) -> String {
        docs::text(&self.method.attributes.public)
    }

    /// The method in the user's words: "`#[query]` handler `status`".
    pub(super) fn label(&self) -> String {
        let (attribute, noun) = (self.kind.attribute(), self.kind.noun());
        format!("`#[{attribute}]` {noun} `{}`", self.method.signature.ident)
    }
}

impl Kind {
    pub(super) const ATTRIBUTES: [&'static str; 6] = [
        "init",
        "run",
        "signal",
        "query",
        "update",
        "update_validator",
    ];

    /// The kind that an attribute's path stands for.
    pub(super) fn of_attribute(path: &Path) -> Option<Self> {
        let last = path.segments.last()?;
        [
            Self::Init,
            Self::Run,
            Self::Signal,
            Self::Query,
            Self::Update,
            Self::Validator,
        ]
        .into_iter()
        .find(|kind| last.ident == kind.attribute())
    }

    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Run => "run",
            Self::Signal => "signal",
            Self::Query => "query",
            Self::Update => "update",
            Self::Validator => "update_validator",
        }
    }

    /// Whether it is a handler, which the outside world can call.
    pub(super) fn is_handler(self) -> bool {
        matches!(self, Self::Signal | Self::Query | Self::Update)
    }

    fn noun(self) -> &'static str {
        if self.is_handler() {
            "handler"
        } else {
            "method"
        }
    }
}
