//! What a `#[workflow_methods]` block says, without judging it.

use proc_macro2::{Ident, TokenStream};
use syn::{ItemImpl, Path};

use crate::{casing::wire_name, docs, options::Options, signature::Method};

/// One impl block.
#[derive(Debug)]
pub(super) struct Model {
    /// The block without our attributes.
    pub(super) block: ItemImpl,
    pub(super) options: Options,
    pub(super) methods: Vec<Marked>,
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
