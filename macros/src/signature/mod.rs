//! Reads a method's signature into receiver, context, inputs and output.
//!
//! Which of these an attribute allows is for its own `check` to say; what all of them agree on is
//! in [`mod@check`].
//!
//! Invariants: types in the model have `Self` replaced by the type of the impl block, because the
//! generated code uses them outside of it; spans stay the user's.

mod check;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, FnArg, GenericArgument, Meta, Pat, PathArguments, Receiver as SynReceiver,
    ReceiverKind, ReturnType, Type, TypeReference, Visibility, WherePredicate, parse_quote,
    spanned::Spanned,
};

pub(crate) use self::check::{check, receiver_span};
use crate::{
    determinism::is_escape,
    items::Function,
    types::{bare, is_self, last_segment, resolve, resolve_generics},
};

/// A method that carries one of our attributes.
#[derive(Debug)]
pub(crate) struct Method {
    /// Where it stands among the items of its impl block.
    pub(crate) index: usize,
    pub(crate) vis: Visibility,
    pub(crate) signature: Signature,
    pub(crate) attributes: Attributes,
}

/// The attributes of a method, without ours, by where the generated code puts them.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    /// `#[cfg]`: on everything that is generated for the method.
    pub(crate) cfg: Vec<Attribute>,
    /// Documentation and `#[deprecated]`: on what users see.
    pub(crate) public: Vec<Attribute>,
    /// What it lets lints say: on the function, and on its declaration in a trait, where some of them look. An
    /// `#[expect(..)]` is only an `#[allow(..)]` there, because each lint looks at one of the two.
    pub(crate) lints: Vec<Attribute>,
    /// Everything else: on the function.
    pub(crate) function: Vec<Attribute>,
}

/// What generated code has to know about a method.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    pub(crate) receiver: Receiver,
    /// Normally none or one; the check refuses more.
    pub(crate) contexts: Vec<Context>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) output: Output,
    /// What its `where` clause says.
    pub(crate) bounds: Vec<WherePredicate>,
}

/// How a method takes its object.
#[derive(Clone, Debug)]
pub(crate) enum Receiver {
    None,
    /// `&self`
    Shared,
    /// `&mut self`
    Mutable,
    /// `self: Arc<Self>`, with its type.
    Arc(Box<Type>),
    /// Anything else.
    Other,
}

/// An argument that the SDK provides.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) kind: ContextKind,
    pub(crate) mode: Mode,
    /// The type without its reference.
    pub(crate) ty: Type,
    pub(crate) name: Option<Ident>,
    /// How many inputs stand before it; not zero is a mistake.
    pub(crate) inputs_before: usize,
    /// The argument's position among all of them, the receiver included.
    pub(crate) position: usize,
}

/// The context types; they are recognised by the last segment of the argument's type, and one of another name by the
/// argument's own name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ContextKind {
    Activity,
    Workflow,
    SyncWorkflow,
    View,
    /// A type of another name, behind a reference that no input can be: what kind it is, the compiler finds out.
    Alias,
}

/// How a context is passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Value,
    Shared,
    Mutable,
}

/// An argument that the caller provides.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

/// What a method returns.
#[derive(Debug)]
pub(crate) struct Output {
    /// `None` is `()`.
    pub(crate) ty: Option<Type>,
    /// It may depend on a parameter of the impl block.
    is_generic: bool,
}

/// What a method returns when it succeeds.
#[derive(Debug)]
pub(crate) enum Success<'a> {
    /// Nothing is written.
    Unit,
    /// The return type itself.
    Plain(&'a Type),
    /// The first argument of `Result<T, ..>`.
    Inner(&'a Type),
    /// It is called a `Result` in a place where the compiler cannot be asked.
    Hidden(&'a Type),
    /// Only the compiler knows whether it is a `Result`.
    Unknown(&'a Type),
}

impl Method {
    /// Reads a method whose attributes of ours are already off.
    pub(crate) fn parse(index: usize, function: &Function, self_ty: &Type) -> Self {
        let mut attributes = Attributes::default();
        for attribute in function.attrs.iter().filter(|it| !is_escape(it)) {
            if let Meta::List(list) = &attribute.meta
                && (list.path.is_ident("allow") || list.path.is_ident("expect"))
            {
                let lints = &list.tokens;
                attributes.lints.push(parse_quote!(#[allow(#lints)]));
                continue;
            }
            let place = if attribute.path().is_ident("cfg") {
                &mut attributes.cfg
            } else if attribute.path().is_ident("doc") || attribute.path().is_ident("deprecated") {
                &mut attributes.public
            } else {
                &mut attributes.function
            };
            place.push(attribute.clone());
        }
        Self {
            index,
            vis: function.vis.clone(),
            signature: Signature::parse(&function.sig, self_ty),
            attributes,
        }
    }
}

impl Attributes {
    /// What stands on the generated code that names a method: its own definition does not use it.
    pub(crate) fn allow_deprecated(&self) -> Option<TokenStream> {
        let is_deprecated = |attribute: &Attribute| attribute.path().is_ident("deprecated");
        let any = self.public.iter().any(is_deprecated);
        any.then(|| quote!(#[allow(deprecated)]))
    }
}

impl Signature {
    fn parse(signature: &syn::Signature, self_ty: &Type) -> Self {
        let mut parsed = Self {
            ident: signature.ident.clone(),
            is_async: signature.asyncness.is_some(),
            receiver: Receiver::None,
            contexts: Vec::new(),
            inputs: Vec::new(),
            output: match &signature.output {
                ReturnType::Default => Output {
                    ty: None,
                    is_generic: false,
                },
                ReturnType::Type(_, ty) => {
                    let ty = resolve(ty, self_ty);
                    Output {
                        is_generic: mentions_argument(&ty, self_ty),
                        ty: Some(ty),
                    }
                }
            },
            bounds: match &signature.generics.where_clause {
                Some(_) => {
                    let resolved = resolve_generics(&signature.generics, self_ty);
                    let clause = resolved.where_clause.into_iter();
                    clause.flat_map(|clause| clause.predicates).collect()
                }
                None => Vec::new(),
            },
        };
        for (position, argument) in signature.inputs.iter().enumerate() {
            match argument {
                FnArg::Receiver(receiver) => parsed.receiver = Receiver::parse(receiver, self_ty),
                FnArg::Typed(argument) => {
                    let name = match &*argument.pat {
                        Pat::Ident(pattern) => Some(pattern.ident.clone()),
                        _ => None,
                    };
                    if let Some((kind, mode, ty)) = context_type(&argument.ty, name.as_ref()) {
                        parsed.contexts.push(Context {
                            kind,
                            mode,
                            ty: resolve(ty, self_ty),
                            name,
                            inputs_before: parsed.inputs.len(),
                            position,
                        });
                    } else {
                        let name = name.unwrap_or_else(|| {
                            format_ident!("input_{}", parsed.inputs.len(), span = argument.span())
                        });
                        parsed.inputs.push(Input {
                            name,
                            ty: resolve(&argument.ty, self_ty),
                        });
                    }
                }
            }
        }
        parsed
    }

    /// The context argument.
    pub(crate) fn context(&self) -> Option<&Context> {
        self.contexts.first()
    }
}

impl Receiver {
    fn parse(receiver: &SynReceiver, self_ty: &Type) -> Self {
        match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => Self::Shared,
            ReceiverKind::Reference(_, _, Some(_)) => Self::Mutable,
            ReceiverKind::Typed(_, ty) => match bare(ty) {
                Type::Reference(reference) if is_self(&reference.elem) => {
                    if reference.mutability.is_some() {
                        Self::Mutable
                    } else {
                        Self::Shared
                    }
                }
                Type::Path(path)
                    if path
                        .path
                        .segments
                        .last()
                        .is_some_and(|last| last.ident == "Arc") =>
                {
                    Self::Arc(Box::new(resolve(ty, self_ty)))
                }
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

impl Output {
    /// Where it is written.
    pub(crate) fn span(&self) -> Span {
        self.ty.as_ref().map_or_else(Span::call_site, Spanned::span)
    }

    /// Whether it is, or may be, a `Result`.
    pub(crate) fn is_fallible(&self) -> bool {
        matches!(
            self.success(),
            Success::Inner(_) | Success::Hidden(_) | Success::Unknown(_)
        )
    }

    /// What comes out when all goes well. A `Result<T, ..>` is known by its name, so that documentation shows the `T`;
    /// of what may be an alias of one the compiler is asked, where it can answer.
    pub(crate) fn success(&self) -> Success<'_> {
        let Some(ty) = &self.ty else {
            return Success::Unit;
        };
        let Some(last) = last_segment(ty) else {
            return Success::Plain(ty);
        };
        let arguments = match &last.arguments {
            PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
            PathArguments::None | PathArguments::Parenthesized(_) => None,
        };
        let first = arguments.and_then(|arguments| arguments.first());
        let is_result = last.ident == "Result" || last.ident == "WorkflowResult";
        if is_result && let Some(GenericArgument::Type(inner)) = first {
            Success::Inner(inner)
        } else if is_of_std(&last.ident) {
            Success::Plain(ty)
        } else if !self.is_generic {
            Success::Unknown(ty)
        } else if last.ident.to_string().ends_with("Result") {
            Success::Hidden(ty)
        } else {
            Success::Plain(ty)
        }
    }

    /// Whether the compiler is asked what it is, or what its error is.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.success(), Success::Unknown(_)) || self.may_be_typed()
    }

    /// Whether the error may be one of the user's that has kinds.
    pub(crate) fn may_be_typed(&self) -> bool {
        const NAMES: [&str; 8] = [
            "ActivityError",
            "ActivityExecutionError",
            "ApplicationFailure",
            "Box",
            "Cancelled",
            "Infallible",
            "String",
            "WorkflowError",
        ];
        let ty = match self.success() {
            Success::Unknown(_) => return true,
            Success::Inner(_) => self.ty.as_ref(),
            Success::Unit | Success::Plain(_) | Success::Hidden(_) => None,
        };
        let Some(PathArguments::AngleBracketed(arguments)) =
            ty.and_then(last_segment).map(|last| &last.arguments)
        else {
            return false;
        };
        match arguments.args.iter().nth(1) {
            Some(GenericArgument::Type(error)) => last_segment(error).is_none_or(|last| {
                !is_of_others(error) && !NAMES.iter().any(|name| last.ident == name)
            }),
            _ => false,
        }
    }

    /// Whether the success is `()` as far as one can see.
    pub(crate) fn is_unit(&self) -> bool {
        match self.success() {
            Success::Unit | Success::Hidden(_) | Success::Unknown(_) => true,
            Success::Plain(ty) | Success::Inner(ty) => {
                matches!(bare(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
            }
        }
    }
}

impl ContextKind {
    /// The type's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Activity => "ActivityContext",
            Self::Workflow => "WorkflowContext",
            Self::SyncWorkflow => "SyncWorkflowContext",
            Self::View => "WorkflowContextView",
            Self::Alias => "context",
        }
    }
}

/// The type of a context argument without its reference, if it is one.
fn context_type<'a>(ty: &'a Type, name: Option<&Ident>) -> Option<(ContextKind, Mode, &'a Type)> {
    let (mode, inner) = match bare(ty) {
        Type::Reference(TypeReference {
            mutability: Some(_),
            elem,
            ..
        }) => (Mode::Mutable, bare(elem)),
        Type::Reference(reference) => (Mode::Shared, bare(&reference.elem)),
        other => (Mode::Value, other),
    };
    let kind = match last_segment(inner)?.ident.to_string().as_str() {
        "ActivityContext" => ContextKind::Activity,
        "WorkflowContext" => ContextKind::Workflow,
        "SyncWorkflowContext" => ContextKind::SyncWorkflow,
        "WorkflowContextView" => ContextKind::View,
        _ if mode != Mode::Value && name.is_some_and(is_name_of_context) => ContextKind::Alias,
        _ => return None,
    };
    Some((kind, mode, inner))
}

/// `anyhow::Error` and its like, which have no kinds.
fn is_of_others(error: &Type) -> bool {
    const CRATES: [&str; 5] = ["anyhow", "eyre", "fmt", "io", "std"];
    matches!(bare(error), Type::Path(path) if path.path.segments.first().is_some_and(|first| {
        CRATES.iter().any(|name| first.ident == name)
    }))
}

fn is_name_of_context(name: &Ident) -> bool {
    let name = name.to_string();
    ["ctx", "context", "cx"].contains(&name.trim_start_matches('_'))
}

/// Whether everybody knows that a type of this name is no `Result`.
fn is_of_std(ident: &Ident) -> bool {
    const NAMES: [&str; 36] = [
        "Arc",
        "BTreeMap",
        "BTreeSet",
        "BinaryHeap",
        "Box",
        "Cow",
        "Duration",
        "HashMap",
        "HashSet",
        "Option",
        "PathBuf",
        "Payload",
        "Rc",
        "Self",
        "String",
        "SystemTime",
        "Value",
        "Vec",
        "VecDeque",
        "bool",
        "char",
        "f32",
        "f64",
        "i128",
        "i16",
        "i32",
        "i64",
        "i8",
        "isize",
        "str",
        "u128",
        "u16",
        "u32",
        "u64",
        "u8",
        "usize",
    ];
    NAMES.iter().any(|name| ident == name)
}

/// Whether a type names one of the arguments of its owner, which may be a parameter of the block.
fn mentions_argument(ty: &Type, self_ty: &Type) -> bool {
    fn collect(tokens: TokenStream, words: &mut Vec<Ident>) {
        for token in tokens {
            match token {
                TokenTree::Ident(word) => words.push(word),
                TokenTree::Group(group) => collect(group.stream(), words),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let Some(last) = last_segment(self_ty) else {
        return false;
    };
    let (mut arguments, mut used) = (Vec::new(), Vec::new());
    collect(last.arguments.to_token_stream(), &mut arguments);
    collect(ty.to_token_stream(), &mut used);
    used.iter().any(|word| arguments.contains(word))
}

#[cfg(test)]
mod tests {
    use syn::{ImplItemFn, parse_quote};

    use super::{ContextKind, Method, Mode, Receiver, Success};
    use crate::{
        items::{Block, Item},
        types::show,
    };

    fn method(function: &ImplItemFn) -> Method {
        let block = Block::read(&quote::quote!(impl Trip { #function })).expect("it is a block");
        match &block.items[..] {
            [Item::Function(function)] => Method::parse(0, function, &parse_quote!(Trip)),
            items => panic!("{items:?}"),
        }
    }

    #[test]
    fn arguments_are_sorted_into_receiver_context_and_inputs() {
        let method = method(&parse_quote! {
            async fn run(&mut self, ctx: &mut sdk::WorkflowContext<Self>, a: u8, _: Vec<Self>) {}
        });
        let signature = method.signature;
        assert!(signature.is_async);
        assert!(matches!(signature.receiver, Receiver::Mutable));
        assert_eq!(signature.contexts.len(), 1);
        assert_eq!(signature.contexts[0].kind, ContextKind::Workflow);
        assert_eq!(signature.contexts[0].mode, Mode::Mutable);
        assert_eq!(
            show(&signature.contexts[0].ty),
            "sdk::WorkflowContext<Trip>"
        );
        let inputs: Vec<String> = signature
            .inputs
            .iter()
            .map(|input| format!("{}: {}", input.name, show(&input.ty)))
            .collect();
        assert_eq!(inputs, ["a: u8", "input_1: Vec<Trip>"]);
    }

    #[test]
    fn results_are_told_by_name_where_the_compiler_need_not_be_asked() {
        fn success(function: &ImplItemFn) -> String {
            let method = method(function);
            match method.signature.output.success() {
                Success::Unit => "unit".to_owned(),
                Success::Plain(ty) => format!("plain {}", show(ty)),
                Success::Inner(ty) => format!("inner {}", show(ty)),
                Success::Hidden(ty) => format!("hidden {}", show(ty)),
                Success::Unknown(ty) => format!("unknown {}", show(ty)),
            }
        }
        assert_eq!(
            success(&parse_quote!(
                fn f() {}
            )),
            "unit"
        );
        assert_eq!(
            success(&parse_quote!(
                fn f() -> u8 {}
            )),
            "plain u8"
        );
        assert_eq!(
            success(&parse_quote!(
                fn f() -> anyhow::Result<u8> {}
            )),
            "inner u8"
        );
        assert_eq!(
            success(&parse_quote!(
                fn f() -> io::Result<Self> {}
            )),
            "inner Trip"
        );
        assert_eq!(
            success(&parse_quote!(
                fn f() -> MyResult<u8> {}
            )),
            "unknown MyResult<u8>"
        );
        assert_eq!(
            success(&parse_quote!(
                fn f() -> Vec<Result<u8, E>> {}
            )),
            "plain Vec<Result<u8, E>>"
        );
    }
}
