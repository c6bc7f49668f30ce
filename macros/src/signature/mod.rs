//! Reads a method's signature into receiver, context, inputs and output.
//!
//! Which of these an attribute allows is for its own `check` to say; what all of them agree on is
//! in [`mod@check`].
//!
//! Invariants: types in the model have `Self` replaced by the type of the impl block, because the
//! generated code uses them outside of it; spans stay the user's.

mod check;

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::{
    Attribute, FnArg, GenericArgument, ImplItemFn, Pat, PathArguments, Receiver as SynReceiver,
    ReceiverKind, ReturnType, Type, TypeReference, Visibility, spanned::Spanned,
};

pub(crate) use self::check::{check, receiver_span};
use crate::{
    determinism::is_escape,
    types::{bare, is_self, last_segment, resolve},
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

/// The context types; they are recognised by the last segment of the argument's type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ContextKind {
    Activity,
    Workflow,
    SyncWorkflow,
    View,
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
    /// The return type is an alias of a `Result`; only the compiler knows what it holds.
    Hidden(&'a Type),
}

impl Method {
    /// Reads a method whose attributes of ours are already off.
    pub(crate) fn parse(index: usize, function: &ImplItemFn, self_ty: &Type) -> Self {
        let mut attributes = Attributes::default();
        for attribute in function.attrs.iter().filter(|it| !is_escape(it)) {
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

impl Signature {
    fn parse(signature: &syn::Signature, self_ty: &Type) -> Self {
        let mut parsed = Self {
            ident: signature.ident.clone(),
            is_async: signature.asyncness.is_some(),
            receiver: Receiver::None,
            contexts: Vec::new(),
            inputs: Vec::new(),
            output: Output {
                ty: match &signature.output {
                    ReturnType::Default => None,
                    ReturnType::Type(_, ty) => Some(resolve(ty, self_ty)),
                },
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
                    if let Some((kind, mode, ty)) = context_type(&argument.ty) {
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

    /// Whether it is a `Result`, decided by its name: the last segment ends with `Result`.
    pub(crate) fn is_fallible(&self) -> bool {
        self.ty
            .as_ref()
            .and_then(last_segment)
            .is_some_and(|last| ends_with_result(&last.ident))
    }

    /// What comes out when all goes well.
    pub(crate) fn success(&self) -> Success<'_> {
        let Some(ty) = &self.ty else {
            return Success::Unit;
        };
        let Some(last) = last_segment(ty).filter(|last| ends_with_result(&last.ident)) else {
            return Success::Plain(ty);
        };
        if (last.ident == "Result" || last.ident == "WorkflowResult")
            && let PathArguments::AngleBracketed(arguments) = &last.arguments
            && let Some(GenericArgument::Type(inner)) = arguments.args.first()
        {
            Success::Inner(inner)
        } else {
            Success::Hidden(ty)
        }
    }

    /// Whether the success is `()` as far as one can see.
    pub(crate) fn is_unit(&self) -> bool {
        match self.success() {
            Success::Unit | Success::Hidden(_) => true,
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
        }
    }
}

/// The type of a context argument without its reference, if it is one.
fn context_type(ty: &Type) -> Option<(ContextKind, Mode, &Type)> {
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
        _ => return None,
    };
    Some((kind, mode, inner))
}

fn ends_with_result(ident: &Ident) -> bool {
    ident.to_string().ends_with("Result")
}

#[cfg(test)]
mod tests {
    use syn::{ImplItemFn, parse_quote};

    use super::{ContextKind, Method, Mode, Receiver, Success};
    use crate::types::show;

    fn method(function: &ImplItemFn) -> Method {
        Method::parse(0, function, &parse_quote!(Trip))
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
    fn results_are_told_by_name() {
        fn success(function: &ImplItemFn) -> String {
            let method = method(function);
            match method.signature.output.success() {
                Success::Unit => "unit".to_owned(),
                Success::Plain(ty) => format!("plain {}", show(ty)),
                Success::Inner(ty) => format!("inner {}", show(ty)),
                Success::Hidden(ty) => format!("hidden {}", show(ty)),
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
            "hidden MyResult<u8>"
        );
        assert_eq!(
            success(&parse_quote!(
                fn f() -> Vec<Result<u8, E>> {}
            )),
            "plain Vec<Result<u8, E>>"
        );
    }
}
