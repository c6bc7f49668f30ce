//! Updates that their sender follows: how they are sent, also together with a start, and what came of them.

use std::fmt;

use futures_util::future::BoxFuture;
use steadfast_core::{
    failure::{Failure, FailureKind},
    ids::{RunId, UpdateId, UpdateName, WorkflowId},
    payload::{Payload, PayloadMap},
};
use tracing::Instrument as _;

use super::{
    Client, ClientError, HasHandle, WorkflowHandle, WorkflowStartOptions, refused, start_span,
};
use crate::{
    convert::Codec,
    definition::{RunDefinition, UpdateDefinition, UpdateOf, WorkflowDefinition},
    engine::{
        ExecutionRef, PollUpdateRequest, UpdateReply, UpdateStage, UpdateWithStartReply,
        UpdateWorkflowRequest,
    },
    untyped::UntypedWorkflow,
};

/// How an update is to be sent.
#[derive(Clone, Debug, Default)]
pub struct UpdateOptions {
    update_id: Option<String>,
}

/// Builds [`UpdateOptions`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct UpdateOptionsBuilder(UpdateOptions);

impl UpdateOptions {
    /// Starts options; every one of them has a default.
    pub fn builder() -> UpdateOptionsBuilder {
        UpdateOptionsBuilder::default()
    }

    fn id(self) -> Result<UpdateId, ClientError> {
        let id = self.update_id;
        Ok(UpdateId::new(
            id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        )?)
    }
}

impl From<UpdateOptionsBuilder> for UpdateOptions {
    fn from(builder: UpdateOptionsBuilder) -> Self {
        builder.build()
    }
}

impl UpdateOptionsBuilder {
    /// Names the update: repeating it under the same id gets the outcome of the first, and runs nothing a second time. By
    /// default each has an id of its own.
    pub fn update_id(mut self, id: impl Into<String>) -> Self {
        self.0.update_id = Some(id.into());
        self
    }

    /// The options.
    #[must_use]
    pub fn build(self) -> UpdateOptions {
        self.0
    }
}

/// Follows one update, whose outcome is a `T`.
///
/// [`WorkflowHandle::start_update`] gives it, and [`WorkflowHandle::update_handle`] to whoever knows the id of one that was
/// sent before. Cheap to clone.
pub struct UpdateHandle<T> {
    client: Client,
    execution: ExecutionRef,
    update_id: UpdateId,
    outcome: Option<Result<Payload, Box<Failure>>>,
    codec: fn() -> Codec<T>,
}

impl<T> Clone for UpdateHandle<T> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            execution: self.execution.clone(),
            update_id: self.update_id.clone(),
            outcome: self.outcome.clone(),
            codec: self.codec,
        }
    }
}

impl<T> fmt::Debug for UpdateHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateHandle")
            .field("execution", &self.execution)
            .field("update_id", &self.update_id)
            .finish_non_exhaustive()
    }
}

impl<T> UpdateHandle<T> {
    /// The update's id, by which anybody [finds](WorkflowHandle::update_handle) it again.
    #[must_use]
    pub fn id(&self) -> &UpdateId {
        &self.update_id
    }

    /// The id of the execution that has it.
    #[must_use]
    pub fn workflow_id(&self) -> &WorkflowId {
        &self.execution.workflow_id
    }

    /// The run that has it; `None` when the handle was made of an id, for whatever run is the current one.
    #[must_use]
    pub fn run_id(&self) -> Option<&RunId> {
        self.execution.run_id.as_ref()
    }

    /// Waits for the outcome, for as long as it takes. It is asked for again each time, unless it was known when this handle
    /// was made.
    ///
    /// # Errors
    ///
    /// When the validator or the handler refused, the run ended before the handler did, nobody knows such an update, or the
    /// engine fails.
    pub async fn result(&self) -> Result<T, ClientError> {
        let outcome = match &self.outcome {
            Some(outcome) => outcome.clone(),
            None => {
                let request = PollUpdateRequest {
                    execution: self.execution.clone(),
                    update_id: self.update_id.clone(),
                    wait_for: UpdateStage::Completed,
                };
                let polled = self.client.engine().poll_update(request).await;
                let reply = polled.map_err(refused)?;
                outcome_of(reply).unwrap_or_else(|| Err(Box::new(no_outcome())))
            }
        };
        match outcome {
            Ok(result) => Ok((self.codec)().decode(Some(&result))?),
            Err(failure) => Err(ClientError::Refused(failure)),
        }
    }
}

fn outcome_of(reply: UpdateReply) -> Option<Result<Payload, Box<Failure>>> {
    reply.outcome.map(|outcome| outcome.map_err(Box::new))
}

/// What an engine has to say that answers without an outcome although it was asked for one.
fn no_outcome() -> Failure {
    Failure::new(
        "the update has no outcome yet",
        FailureKind::Server {
            non_retryable: false,
        },
    )
}

/// An update that is to be sent.
struct NewUpdate<T> {
    name: UpdateName,
    input: Vec<Payload>,
    options: UpdateOptions,
    wait_for: UpdateStage,
    codec: fn() -> Codec<T>,
}

impl<T> NewUpdate<T> {
    fn of<U: UpdateDefinition<Output = T>>(
        input: &U::Input,
        options: UpdateOptions,
        wait_for: UpdateStage,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            name: UpdateName::new(U::NAME)?,
            input: U::arguments().encode(input)?,
            options,
            wait_for,
            codec: U::output_codec,
        })
    }
}

impl NewUpdate<Payload> {
    fn by_name(
        name: &str,
        input: Vec<Payload>,
        options: UpdateOptions,
        wait_for: UpdateStage,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            name: UpdateName::new(name)?,
            input,
            options,
            wait_for,
            codec: Codec::of_payloads,
        })
    }
}

impl<W: WorkflowDefinition> WorkflowHandle<W> {
    /// Sends an update and waits for its outcome: 10 seconds by default until a worker accepts it, see
    /// [`with_answer_timeout`](Self::with_answer_timeout), and from then on for as long as it takes.
    ///
    /// # Errors
    ///
    /// When there is no such open execution, the validator or the handler refuses, nobody accepts it in time, or the
    /// engine fails.
    pub fn update<U: UpdateOf<W>>(
        &self,
        update: U,
        input: U::Input,
    ) -> BoxFuture<'_, Result<U::Output, ClientError>> {
        self.outcome_of(update, input, UpdateOptions::default())
    }

    /// Sends an update under an id of the caller's: repeating it gets the outcome of the first.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update), and when the id is not valid.
    pub fn update_with_id<U: UpdateOf<W>>(
        &self,
        update: U,
        input: U::Input,
        update_id: impl AsRef<str>,
    ) -> BoxFuture<'_, Result<U::Output, ClientError>> {
        let options = UpdateOptions::builder().update_id(update_id.as_ref());
        self.outcome_of(update, input, options.build())
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    fn outcome_of<U: UpdateOf<W>>(
        &self,
        _update: U,
        input: U::Input,
        options: UpdateOptions,
    ) -> BoxFuture<'_, Result<U::Output, ClientError>> {
        let update = NewUpdate::of::<U>(&input, options, UpdateStage::Completed);
        Box::pin(async move { self.send_update(update?).await?.result().await })
    }

    /// Sends an update of which only the name is known here, and waits for its outcome.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update), and when the name is not valid.
    pub async fn update_by_name(
        &self,
        name: impl AsRef<str>,
        input: Vec<Payload>,
    ) -> Result<Payload, ClientError> {
        let options = UpdateOptions::default();
        let update = NewUpdate::by_name(name.as_ref(), input, options, UpdateStage::Completed)?;
        self.send_update(update).await?.result().await
    }

    /// Sends an update and waits until a worker has accepted it, 10 seconds by default, see
    /// [`with_answer_timeout`](Self::with_answer_timeout). From then on it survives a crash; the handle tells its outcome.
    ///
    /// ```
    /// use steadfast::{client::UpdateOptions, prelude::*};
    ///
    /// #[workflow]
    /// #[derive(Default)]
    /// struct Order {
    ///     books: u32,
    /// }
    ///
    /// #[workflow_methods]
    /// impl Order {
    ///     #[run]
    ///     async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
    ///         ctx.wait_condition(|order| order.books > 10).await?;
    ///         Ok(ctx.state(|order| order.books))
    ///     }
    ///
    ///     #[update]
    ///     fn add(&mut self, books: u32) -> u32 {
    ///         self.books += books;
    ///         self.books
    ///     }
    /// }
    ///
    /// # async fn add(client: &Client) -> Result<(), ClientError> {
    /// let order = client.workflow::<Order>("order-7")?;
    /// let options = UpdateOptions::builder().update_id("from-form-42");
    /// let update = order.start_update(Order::add, 2, options).await?;
    /// // .. and now or later, here or, by its id, elsewhere:
    /// let books = order.update_handle(Order::add, "from-form-42")?.result().await?;
    /// assert_eq!(update.result().await?, books);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no such open execution, the input cannot be encoded, nobody accepts it in time, or the engine fails. That
    /// the validator refused is an outcome, which [`UpdateHandle::result`] tells.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn start_update<U: UpdateOf<W>>(
        &self,
        _update: U,
        input: U::Input,
        options: impl Into<UpdateOptions>,
    ) -> BoxFuture<'_, Result<UpdateHandle<U::Output>, ClientError>> {
        let update = NewUpdate::of::<U>(&input, options.into(), UpdateStage::Accepted);
        Box::pin(async move { self.send_update(update?).await })
    }

    /// Sends an update of which only the name is known here, and waits until a worker has accepted it.
    ///
    /// # Errors
    ///
    /// As for [`start_update`](Self::start_update), and when the name is not valid.
    pub async fn start_update_by_name(
        &self,
        name: impl AsRef<str>,
        input: Vec<Payload>,
        options: impl Into<UpdateOptions>,
    ) -> Result<UpdateHandle<Payload>, ClientError> {
        let options = options.into();
        let update = NewUpdate::by_name(name.as_ref(), input, options, UpdateStage::Accepted)?;
        self.send_update(update).await
    }

    /// Finds an update that was sent before, by its id. Asks nothing of the engine: that there is one shows in
    /// [`UpdateHandle::result`].
    ///
    /// # Errors
    ///
    /// When the id is not valid.
    pub fn update_handle<U: UpdateOf<W>>(
        &self,
        _update: U,
        update_id: impl AsRef<str>,
    ) -> Result<UpdateHandle<U::Output>, ClientError> {
        self.handle_of_update(update_id.as_ref(), U::output_codec)
    }

    /// Finds an update that was sent before and of which nothing but the id is known here.
    ///
    /// # Errors
    ///
    /// As for [`update_handle`](Self::update_handle).
    pub fn update_handle_by_id(
        &self,
        update_id: impl AsRef<str>,
    ) -> Result<UpdateHandle<Payload>, ClientError> {
        self.handle_of_update(update_id.as_ref(), Codec::of_payloads)
    }

    fn handle_of_update<T>(
        &self,
        update_id: &str,
        codec: fn() -> Codec<T>,
    ) -> Result<UpdateHandle<T>, ClientError> {
        Ok(UpdateHandle {
            client: self.client.clone(),
            execution: self.execution.clone(),
            update_id: UpdateId::new(update_id)?,
            outcome: None,
            codec,
        })
    }

    async fn send_update<T>(&self, update: NewUpdate<T>) -> Result<UpdateHandle<T>, ClientError> {
        let span = tracing::info_span!(
            "update_workflow",
            workflow_id = ?self.execution.workflow_id,
            update = update.name.as_str(),
        );
        let codec = update.codec;
        let header = self.client.propagation().header(&span);
        let request = self
            .client
            .update_request(self.execution.clone(), update, header)?;
        let update_id = request.update_id.clone();
        let reply = self
            .client
            .engine()
            .update_workflow(request)
            .instrument(span)
            .await
            .map_err(refused)?;
        Ok(self.client.handle_of_reply(reply, update_id, codec))
    }
}

impl Client {
    fn update_request<T>(
        &self,
        execution: ExecutionRef,
        update: NewUpdate<T>,
        header: PayloadMap,
    ) -> Result<UpdateWorkflowRequest, ClientError> {
        Ok(UpdateWorkflowRequest {
            execution,
            update_id: update.options.id()?,
            name: update.name,
            input: update.input,
            header,
            identity: self.identity().clone(),
            wait_for: update.wait_for,
            answer_timeout: self.inner.answer_timeout,
        })
    }

    fn handle_of_reply<T>(
        &self,
        reply: UpdateReply,
        update_id: UpdateId,
        codec: fn() -> Codec<T>,
    ) -> UpdateHandle<T> {
        UpdateHandle {
            client: self.clone(),
            execution: ExecutionRef::run(reply.execution.clone()),
            update_id,
            outcome: outcome_of(reply),
            codec,
        }
    }

    /// Sends an update to the open execution of an id, starting one first if there is none, and waits for its outcome: one
    /// step, in which nothing can come between. The first task of a workflow that is started so brings the update.
    ///
    /// What happens while an execution is open, [`id_conflict_policy`](super::WorkflowStartOptionsBuilder::id_conflict_policy)
    /// says: by default the call fails, with `UseExisting` the open one is updated. Whoever got no answer repeats the call with
    /// the same [request id](super::WorkflowStartOptionsBuilder::request_id) and the same [update id](UpdateOptionsBuilder::update_id),
    /// and gets what the first one led to; with `UseExisting` the update id is enough.
    ///
    /// It waits as [`WorkflowHandle::update`] does. When this returns, both survive a crash. If the process ends before, the
    /// workflow may be there without the update, which a repeated call then brings.
    ///
    /// ```
    /// use steadfast::{client::UpdateOptions, prelude::*};
    ///
    /// #[workflow]
    /// #[derive(Default)]
    /// struct Cart {
    ///     items: Vec<String>,
    ///     paid: bool,
    /// }
    ///
    /// #[workflow_methods]
    /// impl Cart {
    ///     #[run]
    ///     async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<String>> {
    ///         ctx.wait_condition(|cart| cart.paid).await?;
    ///         Ok(ctx.state(|cart| cart.items.clone()))
    ///     }
    ///
    ///     #[update]
    ///     fn add(&mut self, item: String) -> usize {
    ///         self.items.push(item);
    ///         self.items.len()
    ///     }
    /// }
    ///
    /// # async fn add(client: &Client) -> Result<(), ClientError> {
    /// let start = WorkflowStartOptions::new("carts", "cart-of-ada")
    ///     .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting);
    /// let update = UpdateOptions::builder().update_id("click-1");
    /// let (cart, items) = client
    ///     .update_with_start_workflow(Cart::run, (), start, Cart::add, "a book".to_owned(), update)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`start_workflow`](Self::start_workflow) and for [`WorkflowHandle::update`], and with a start delay. What is not valid
    /// and what the policies forbid starts nothing. A workflow that was started stays so whatever becomes of the update:
    /// refused, failed, or not accepted in time.
    pub async fn update_with_start_workflow<R, U>(
        &self,
        _run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        options: impl Into<WorkflowStartOptions>,
        _update: U,
        update_input: U::Input,
        update_options: impl Into<UpdateOptions>,
    ) -> Result<(<R::Workflow as HasHandle>::Handle, U::Output), ClientError>
    where
        R: RunDefinition<Workflow: HasHandle>,
        U: UpdateDefinition<Workflow = R::Workflow>,
    {
        let start = NewStart::of::<R::Workflow>(&input, options.into())?;
        let update =
            NewUpdate::of::<U>(&update_input, update_options.into(), UpdateStage::Completed)?;
        let (workflow, update) = self.send_both::<R::Workflow, _>(start, update).await?;
        Ok((workflow, update.result().await?))
    }

    /// Does what [`update_with_start_workflow`](Self::update_with_start_workflow) does, and waits only until a worker has accepted
    /// the update, as [`WorkflowHandle::start_update`] does.
    ///
    /// # Errors
    ///
    /// As for [`update_with_start_workflow`](Self::update_with_start_workflow). That the validator refused is an outcome,
    /// which [`UpdateHandle::result`] tells.
    pub async fn start_update_with_start_workflow<R, U>(
        &self,
        _run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        options: impl Into<WorkflowStartOptions>,
        _update: U,
        update_input: U::Input,
        update_options: impl Into<UpdateOptions>,
    ) -> Result<(<R::Workflow as HasHandle>::Handle, UpdateHandle<U::Output>), ClientError>
    where
        R: RunDefinition<Workflow: HasHandle>,
        U: UpdateDefinition<Workflow = R::Workflow>,
    {
        let start = NewStart::of::<R::Workflow>(&input, options.into())?;
        let update =
            NewUpdate::of::<U>(&update_input, update_options.into(), UpdateStage::Accepted)?;
        self.send_both::<R::Workflow, _>(start, update).await
    }

    /// Does what [`start_update_with_start_workflow`](Self::start_update_with_start_workflow) does, with a workflow and an update
    /// of which only the names are known here.
    ///
    /// # Errors
    ///
    /// As for [`start_update_with_start_workflow`](Self::start_update_with_start_workflow), and when a name is not valid.
    pub async fn start_update_with_start_workflow_by_name(
        &self,
        workflow_type: impl AsRef<str>,
        input: Vec<Payload>,
        options: impl Into<WorkflowStartOptions>,
        update: impl AsRef<str>,
        update_input: Vec<Payload>,
        update_options: impl Into<UpdateOptions>,
    ) -> Result<(WorkflowHandle<UntypedWorkflow>, UpdateHandle<Payload>), ClientError> {
        let start = NewStart {
            workflow_type: workflow_type.as_ref(),
            input,
            options: options.into(),
        };
        let update = NewUpdate::by_name(
            update.as_ref(),
            update_input,
            update_options.into(),
            UpdateStage::Accepted,
        )?;
        self.send_both::<UntypedWorkflow, _>(start, update).await
    }

    async fn send_both<W: HasHandle, T>(
        &self,
        start: NewStart<'_>,
        update: NewUpdate<T>,
    ) -> Result<(W::Handle, UpdateHandle<T>), ClientError> {
        let mut start = self.start_request(start.workflow_type, start.input, start.options)?;
        let workflow_id = start.workflow_id.clone();
        let span = start_span(&start);
        start.header = self.propagation().header(&span);
        let codec = update.codec;
        let target = ExecutionRef::current(workflow_id.clone());
        let update = self.update_request(target, update, start.header.clone())?;
        let update_id = update.update_id.clone();
        let UpdateWithStartReply { started, update } = self
            .engine()
            .update_with_start_workflow(start, update)
            .instrument(span)
            .await
            .map_err(refused)?;
        let workflow = self.handle_of::<W>(workflow_id, started);
        Ok((workflow, self.handle_of_reply(update, update_id, codec)))
    }
}

/// An execution that is to be started.
struct NewStart<'a> {
    workflow_type: &'a str,
    input: Vec<Payload>,
    options: WorkflowStartOptions,
}

impl NewStart<'static> {
    fn of<W: WorkflowDefinition>(
        input: &W::Input,
        options: WorkflowStartOptions,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            workflow_type: W::WORKFLOW_TYPE,
            input: W::arguments().encode(input)?,
            options,
        })
    }
}
