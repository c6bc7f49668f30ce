//! Says what is wrong with one method, by what it is marked as.

use proc_macro2::Span;
use syn::{GenericArgument, PathArguments, ReturnType, Type};

use super::super::model::{Kind, Marked, Model, Target};
use crate::{
    block,
    diagnostics::{Diagnostics, Page, article, list},
    items::Function,
    options::Accepted,
    signature::{self, ContextKind, Mode, Receiver, receiver_span},
    types::{last_segment, show},
};

/// Checks a method against the rules of its attribute.
pub(super) fn check_method(
    model: &Model,
    marked: &Marked,
    written: &Function,
    diagnostics: &mut Diagnostics,
) {
    let label = marked.label();
    let method = marked.kind.attribute();
    for repeated in &marked.repeated {
        let other = repeated.segments.last().map(|last| last.ident.to_string());
        let other = other.unwrap_or_default();
        diagnostics.error(
            repeated,
            &format!("{label} is also marked `#[{other}]`"),
            &format!("keep one of `#[{method}]` and `#[{other}]`; a method is one thing"),
        );
    }
    let is_validator = marked.kind == Kind::Validator;
    signature::check(
        &marked.method.signature,
        &written.sig,
        &label,
        is_validator,
        diagnostics,
    );
    let cx = Check {
        model,
        marked,
        written,
        label: &label,
    };
    match marked.kind {
        Kind::Run => cx.run(diagnostics),
        Kind::Init => cx.init(diagnostics),
        Kind::Signal => cx.signal(diagnostics),
        Kind::Query => cx.query(diagnostics),
        Kind::Update => cx.update(diagnostics),
        Kind::Validator => cx.validator(diagnostics),
    }
}

/// One method that is looked at.
struct Check<'a> {
    model: &'a Model,
    marked: &'a Marked,
    written: &'a Function,
    label: &'a str,
}

impl Check<'_> {
    fn run(&self, diagnostics: &mut Diagnostics) {
        self.options(
            &[],
            "`#[run]` has no options; a workflow's name goes on its struct, as in \
            `#[workflow(name = \"..\")]`",
            diagnostics,
        );
        self.unconditional(diagnostics);
        let label = self.label;
        if !self.marked.method.signature.is_async {
            diagnostics.error(
                &self.written.sig.fn_token,
                &format!("{label} must be `async`"),
                "write `async fn`",
            );
        }
        if let Some(span) = self.receiver_start() {
            diagnostics.error_at_with_page(
                span,
                &format!("{label} must not take `self`"),
                "write `ctx: &mut WorkflowContext<Self>`; it reaches the state through its context",
                Page("state-and-await"),
            );
        }
        self.context(
            ContextKind::Workflow,
            true,
            "write `ctx: &mut WorkflowContext<Self>`",
            diagnostics,
        );
    }

    fn init(&self, diagnostics: &mut Diagnostics) {
        self.options(&[], "`#[init]` has no options", diagnostics);
        self.unconditional(diagnostics);
        let label = self.label;
        if let Some(token) = &self.written.sig.asyncness {
            diagnostics.error(
                token,
                &format!("{label} must not be `async`"),
                "remove `async`, and await in `#[run]`",
            );
        }
        if let Some(span) = self.receiver_start() {
            diagnostics.error_at(
                span,
                &format!("{label} must not take `self`"),
                "remove it; there is no state before this method has made it",
            );
        }
        self.context(
            ContextKind::View,
            false,
            "write `view: &WorkflowContextView`",
            diagnostics,
        );
        if let ReturnType::Default = self.written.sig.output {
            diagnostics.error(
                &self.written.sig.ident,
                &format!("{label} must return the workflow's state"),
                "write `-> Self` or `-> Result<Self, ..>`",
            );
        }
    }

    fn signal(&self, diagnostics: &mut Diagnostics) {
        const HINT: &str = "the only option is `name`";
        self.options(&["name"], HINT, diagnostics);
        self.changing_handler(diagnostics);
        if !self.marked.method.signature.output.is_unit()
            && let ReturnType::Type(_, ty) = &self.written.sig.output
        {
            diagnostics.error(
                ty,
                &format!("{} must not return a value", self.label),
                "remove the return type, or make it an `#[update]`, whose caller gets an answer",
            );
        }
    }

    fn update(&self, diagnostics: &mut Diagnostics) {
        const HINT: &str = "the only option is `name`";
        self.options(&["name"], HINT, diagnostics);
        self.changing_handler(diagnostics);
    }

    fn query(&self, diagnostics: &mut Diagnostics) {
        self.options(&["name"], "the only option is `name`", diagnostics);
        let label = self.label;
        if let Some(token) = &self.written.sig.asyncness {
            diagnostics.error_with_page(
                token,
                &format!("{label} must not be `async`"),
                "remove `async`; a query reads workflow state and cannot await",
                Page("queries"),
            );
        }
        self.shared_receiver(
            "write `&self`, or make it an `#[update]` if it has to change state",
            Page("queries"),
            diagnostics,
        );
        self.context(
            ContextKind::View,
            false,
            "write `view: &WorkflowContextView`",
            diagnostics,
        );
        if let ReturnType::Default = self.written.sig.output {
            diagnostics.error(
                &self.written.sig.ident,
                &format!("{label} must return an answer"),
                "add a return type, or make it a `#[signal]` if nothing is asked",
            );
        }
    }

    fn validator(&self, diagnostics: &mut Diagnostics) {
        let label = self.label;
        if let Some(token) = &self.written.sig.asyncness {
            diagnostics.error_with_page(
                token,
                &format!("{label} must not be `async`"),
                "remove `async`; whether an update is accepted is decided at once",
                Page("validators"),
            );
        }
        self.shared_receiver(
            "write `&self`; an update that is refused leaves no trace, so nothing may change",
            Page("validators"),
            diagnostics,
        );
        self.context(
            ContextKind::View,
            false,
            "write `view: &WorkflowContextView`",
            diagnostics,
        );
        if !self.marked.method.signature.output.is_fallible()
            || !self.marked.method.signature.output.is_unit()
        {
            const HELP: &str = "write `-> Result<(), String>`; the error tells why it is refused";
            let problem = format!("{label} must return `Result<(), ..>`");
            match &self.written.sig.output {
                ReturnType::Default => diagnostics.error(&self.written.sig.ident, &problem, HELP),
                ReturnType::Type(_, ty) => diagnostics.error(ty, &problem, HELP),
            }
        }
        self.target(diagnostics);
    }

    /// Whether the validator names an update, alone, and takes the same inputs.
    fn target(&self, diagnostics: &mut Diagnostics) {
        let updates: Vec<String> = self
            .model
            .of(Kind::Update)
            .map(|update| update.method.signature.ident.to_string())
            .collect();
        let help = match updates.as_slice() {
            [] => "there is no update here; add a method marked `#[update]`".to_owned(),
            [only] => format!("the only update here is `{only}`"),
            several => {
                format!(
                    "the updates here are {}",
                    list(several.iter().map(String::as_str))
                )
            }
        };
        let target = match &self.marked.target {
            Target::Update(target) => target,
            Target::None => {
                let problem = "`#[update_validator]` must name an `#[update]` method";
                diagnostics.error(&self.marked.attribute, problem, &help);
                return;
            }
            Target::Unreadable(tokens) => {
                let problem = "`#[update_validator(..)]` takes the name of an `#[update]` method";
                diagnostics.error(tokens, problem, &help);
                return;
            }
        };
        let Some(update) = self
            .model
            .of(Kind::Update)
            .find(|update| update.method.signature.ident == *target)
        else {
            let problem = format!("`#[update_validator({target})]` names no `#[update]` method");
            diagnostics.error(target, &problem, &help);
            return;
        };
        if let Some(first) = self.model.validator(update)
            && first.method.index != self.marked.method.index
        {
            let first = &first.method.signature.ident;
            diagnostics.error(
                target,
                &format!("update `{target}` already has the validator `{first}`"),
                "check everything in one of them",
            );
        }
        let wanted = &update.method.signature.inputs;
        let given = &self.marked.method.signature.inputs;
        if wanted.len() != given.len() {
            let borrowed: Vec<String> = wanted
                .iter()
                .map(|input| format!("{}: &{}", input.name, show(&input.ty)))
                .collect();
            let help = if borrowed.is_empty() {
                "remove its inputs".to_owned()
            } else {
                format!("after `&self`, write `{}`", borrowed.join(", "))
            };
            diagnostics.error(
                &self.marked.method.signature.ident,
                &format!(
                    "{} must take the same inputs as update `{target}`",
                    self.label
                ),
                &help,
            );
        }
    }

    /// What signals and updates have in common: both may change the state.
    fn changing_handler(&self, diagnostics: &mut Diagnostics) {
        let label = self.label;
        let signature = &self.marked.method.signature;
        if signature.is_async {
            if let Some(span) = self.receiver_start() {
                diagnostics.error_at_with_page(
                    span,
                    &format!("`async` {label} must not take `self`"),
                    "write `ctx: &mut WorkflowContext<Self>`, or remove `async`; while it waits, \
                     others change the state",
                    Page("state-and-await"),
                );
            }
            self.context(
                ContextKind::Workflow,
                true,
                "write `ctx: &mut WorkflowContext<Self>`",
                diagnostics,
            );
            return;
        }
        const HELP: &str = "write `&mut self`, or make it `async` with \
                            `ctx: &mut WorkflowContext<Self>`";
        match (&signature.receiver, self.receiver_start()) {
            (Receiver::None, _) => {
                diagnostics.error(
                    &self.written.sig.ident,
                    &format!("{label} must take `&mut self`"),
                    HELP,
                );
            }
            (Receiver::Arc(_) | Receiver::Other, Some(span)) => {
                diagnostics.error_at(span, &format!("{label} must take `&mut self`"), HELP);
            }
            (Receiver::Shared | Receiver::Mutable | Receiver::Arc(_) | Receiver::Other, _) => {}
        }
        self.context(
            ContextKind::SyncWorkflow,
            true,
            "write `ctx: &mut SyncWorkflowContext<Self>`, or make the handler `async`",
            diagnostics,
        );
    }

    fn shared_receiver(&self, help: &str, page: Page, diagnostics: &mut Diagnostics) {
        let problem = format!("{} must take `&self`", self.label);
        match self.marked.method.signature.receiver {
            Receiver::Shared => {}
            Receiver::None => {
                diagnostics.error_with_page(&self.written.sig.ident, &problem, help, page);
            }
            Receiver::Mutable | Receiver::Arc(_) | Receiver::Other => {
                if let Some(span) = self.receiver_start() {
                    diagnostics.error_at_with_page(span, &problem, help, page);
                }
            }
        }
    }

    fn context(
        &self,
        wanted: ContextKind,
        may_be_mutable: bool,
        help: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(context) = self.marked.method.signature.context() else {
            return;
        };
        let argument = &self.written.sig.inputs[context.position];
        if context.kind != wanted && context.kind != ContextKind::Alias {
            let given = context.kind.name();
            let problem = format!("{} cannot take {}", self.label, article(given));
            diagnostics.error(argument, &problem, help);
        } else if context.mode == Mode::Mutable && !may_be_mutable
            || context.mode == Mode::Value && wanted != ContextKind::Workflow
        {
            let problem = format!("{} must take its context by reference", self.label);
            diagnostics.error(argument, &problem, help);
        }
        self.own_context(&context.ty, diagnostics);
    }

    /// Whether the context is that of this workflow.
    fn own_context(&self, context: &Type, diagnostics: &mut Diagnostics) {
        let Some(PathArguments::AngleBracketed(arguments)) =
            last_segment(context).map(|last| &last.arguments)
        else {
            return;
        };
        let owner = block::owner(&self.model.block);
        for argument in &arguments.args {
            if let GenericArgument::Type(ty) = argument
                && last_segment(ty).map(|last| &last.ident) != owner
            {
                diagnostics.error(
                    ty,
                    &format!(
                        "{} takes the context of `{}`, which is not its own",
                        self.label,
                        show(ty)
                    ),
                    "write `Self`",
                );
            }
        }
    }

    fn options(
        &self,
        keys: &'static [&'static str],
        hint: &'static str,
        diagnostics: &mut Diagnostics,
    ) {
        let accepted = Accepted {
            attribute: self.marked.kind.attribute(),
            keys,
            hint,
        };
        self.marked.options.check(&accepted, diagnostics);
    }

    /// The workflow's definition needs the method, so it cannot come and go.
    fn unconditional(&self, diagnostics: &mut Diagnostics) {
        for attribute in &self.marked.method.attributes.cfg {
            diagnostics.error(
                attribute.path(),
                &format!("{} must not depend on `#[cfg]`", self.label),
                "put the `#[cfg]` on the impl block, or inside the method",
            );
        }
    }

    fn receiver_start(&self) -> Option<Span> {
        receiver_span(&self.written.sig)
    }
}
