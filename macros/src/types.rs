//! Small questions about types, and the replacement of `Self` in them.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Expr, Generics, Path, PathSegment, QSelf, Token, Type, parse_quote,
    punctuated::Punctuated,
    visit_mut::{self, VisitMut},
};

/// Looks through parentheses and the invisible groups that `macro_rules!` leaves behind.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// The last segment of a type that is a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// A type as a person would write it, for use in a message.
pub(crate) fn show(tokens: &dyn ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" . ", "."),
        (" (", "("),
    ]
    .iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
    .replace("( ", "(")
    .replace(" )", ")")
}

/// Whether a type is `Self`.
pub(crate) fn is_self(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.qself.is_none() && path.path.is_ident("Self"))
}

/// Finds the first part of a type that answers to `wanted`.
pub(crate) fn find(ty: &Type, wanted: fn(&Type) -> bool) -> Option<Type> {
    struct Finder {
        wanted: fn(&Type) -> bool,
        found: Option<Type>,
    }

    impl VisitMut for Finder {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if self.found.is_none() && (self.wanted)(ty) {
                self.found = Some(ty.clone());
            } else if self.found.is_none() && !matches!(ty, Type::FnPtr(_)) {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }

    let mut finder = Finder {
        wanted,
        found: None,
    };
    finder.visit_type_mut(&mut ty.clone());
    finder.found
}

/// Replaces `Self` in a type.
pub(crate) fn resolve(ty: &Type, self_ty: &Type) -> Type {
    let mut ty = ty.clone();
    SelfReplacer { self_ty }.visit_type_mut(&mut ty);
    ty
}

/// Replaces `Self` in the where clause of an impl block.
pub(crate) fn resolve_generics(generics: &Generics, self_ty: &Type) -> Generics {
    let mut generics = generics.clone();
    SelfReplacer { self_ty }.visit_generics_mut(&mut generics);
    generics
}

/// Adds what every definition asks of a generic owner, so that nobody has to write it.
pub(crate) fn bind_owner(generics: &mut Generics, bounds: &TokenStream) {
    if generics.type_params().next().is_some() {
        let predicate = parse_quote!(Self: #bounds);
        generics.make_where_clause().predicates.push(predicate);
    }
}

struct SelfReplacer<'a> {
    self_ty: &'a Type,
}

impl SelfReplacer<'_> {
    /// `Self::Part` becomes `<Type>::Part`.
    fn qualify(&self, qself: &mut Option<QSelf>, path: &mut Path) {
        let is_part_of_self = qself.is_none()
            && path.leading_colon.is_none()
            && path.segments.len() > 1
            && path
                .segments
                .first()
                .is_some_and(|first| first.ident == "Self");
        if !is_part_of_self {
            return;
        }
        let segments: Punctuated<_, Token![::]> = path.segments.iter().skip(1).cloned().collect();
        path.segments = segments;
        path.leading_colon = Some(<Token![::]>::default());
        *qself = Some(QSelf {
            lt_token: <Token![<]>::default(),
            ty: Box::new(self.self_ty.clone()),
            position: 0,
            as_token: None,
            gt_token: <Token![>]>::default(),
        });
    }
}

impl VisitMut for SelfReplacer<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if is_self(ty) {
            *ty = self.self_ty.clone();
            return;
        }
        if let Type::Path(path) = ty {
            self.qualify(&mut path.qself, &mut path.path);
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Path(path) = expr {
            self.qualify(&mut path.qself, &mut path.path);
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::{Type, parse_quote};

    use super::resolve;

    #[test]
    fn self_is_replaced_everywhere_in_a_type() {
        let ty: Type = parse_quote!((Self, Vec<Self::Item>, [u8; Self::LEN], <Self as A>::B));
        let resolved = resolve(&ty, &parse_quote!(Trip<T>))
            .to_token_stream()
            .to_string();
        assert_eq!(
            resolved,
            "(Trip < T > , Vec < < Trip < T > > :: Item > , [u8 ; < Trip < T > > :: LEN] , < Trip < T > as A > :: B)"
        );
    }
}
