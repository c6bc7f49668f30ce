//! Activities that a test holds and lets go.

use std::sync::Arc;

use steadfast::prelude::*;
use tokio::sync::watch;

/// What activities said, and which of them may go on.
#[derive(Debug)]
pub struct Board {
    said: watch::Sender<Vec<String>>,
    open: watch::Sender<Vec<String>>,
}

impl Board {
    /// A board on which nothing is written.
    pub fn new() -> Arc<Self> {
        let (said, open) = (watch::channel(Vec::new()).0, watch::channel(Vec::new()).0);
        Arc::new(Self { said, open })
    }

    /// Writes something down.
    pub fn say(&self, what: impl Into<String>) {
        self.said.send_modify(|said| said.push(what.into()));
    }

    /// Everything that was said.
    pub fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    /// Waits until something was said.
    pub async fn heard(&self, what: &str) {
        let mut said = self.said.subscribe();
        said.wait_for(|said| said.iter().any(|said| said == what))
            .await
            .unwrap();
    }

    /// Lets an activity go on.
    pub fn open(&self, name: &str) {
        self.open.send_modify(|open| open.push(name.to_owned()));
    }

    async fn opened(&self, name: &str) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| open.iter().any(|open| open == name || open == EVERYTHING))
            .await
            .unwrap();
    }
}

/// Lets every activity go on.
pub(super) const EVERYTHING: &str = "*";

/// Activities that a test holds and lets go. Each says `<name> started` when it starts.
#[derive(Clone, Debug)]
pub struct Stage(pub Arc<Board>);

#[activities]
impl Stage {
    /// Ends at once with its name.
    #[activity]
    pub async fn quick(&self, name: String) -> Result<String, ActivityError> {
        self.0.say(&name);
        Ok(name)
    }

    /// Heartbeats, and runs until it is let go or told to stop.
    #[activity(auto_heartbeat)]
    pub async fn hold(&self, ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        ctx.heartbeat(&name)?;
        self.0.say(format!("{name} started"));
        tokio::select! {
            () = self.0.opened(&name) => Ok(format!("{name} done")),
            cause = ctx.cancelled() => {
                self.0.say(format!("{name} heard: {cause}"));
                Err(ActivityError::cancelled())
            }
        }
    }

    /// Heartbeats once, and stops when it is told to.
    #[activity]
    pub async fn silent(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        ctx.heartbeat(&name)?;
        self.0.say(format!("{name} started"));
        let cause = ctx.cancelled().await;
        self.0.say(format!("{name} heard: {cause}"));
        Err(ActivityError::cancelled())
    }

    /// Never calls `heartbeat`, and stops when it is told to.
    #[activity(auto_heartbeat)]
    pub async fn listen(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        self.0.say(format!("{name} started"));
        let cause = ctx.cancelled().await;
        self.0.say(format!("{name} heard: {cause}"));
        Err(ActivityError::cancelled())
    }

    /// Stops as it is told to, but only when it is let go.
    #[activity(auto_heartbeat)]
    pub async fn linger(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        ctx.heartbeat(&name)?;
        self.0.say(format!("{name} started"));
        let cause = ctx.cancelled().await;
        self.0.say(format!("{name} heard: {cause}"));
        self.0.opened(&name).await;
        Err(ActivityError::cancelled())
    }

    /// Ends with a result when it is told to stop.
    #[activity(auto_heartbeat)]
    pub async fn swallow(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        ctx.heartbeat(&name)?;
        self.0.say(format!("{name} started"));
        ctx.cancelled().await;
        Ok(format!("{name} done"))
    }

    /// Heartbeats before and after it is told to stop, and then no more.
    #[activity]
    pub async fn stall(&self, ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        let silence = ctx.info().timeouts.heartbeat_timeout.unwrap();
        ctx.heartbeat(&"before")?;
        self.0.say(format!("{name} started"));
        loop {
            tokio::select! {
                _ = ctx.cancelled() => break,
                // A service tells only those that heartbeat.
                () = tokio::time::sleep(silence / 4) => ctx.heartbeat(&"before")?,
            };
        }
        ctx.heartbeat(&"after")?;
        self.0.opened(&name).await;
        Ok(format!("{name} done"))
    }

    /// Listens to nothing, and ends when it is let go.
    #[activity]
    pub async fn ignore(&self, name: String) -> Result<String, ActivityError> {
        self.0.say(format!("{name} started"));
        self.0.opened(&name).await;
        Ok(format!("{name} done"))
    }

    /// Fails when it is let go or told to stop. It says `<name> started <attempt>`.
    #[activity(auto_heartbeat)]
    pub async fn fail(&self, ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        ctx.heartbeat(&name)?;
        let attempt = ctx.info().attempt;
        self.0.say(format!("{name} started {attempt}"));
        tokio::select! {
            () = self.0.opened(&name) => {}
            _ = ctx.cancelled() => {}
        }
        Err(ApplicationFailure::new(format!("{name} failed"), "Broken").into())
    }

    /// Fails once, and then runs until it is let go, whatever happens.
    #[activity]
    pub async fn fail_then_ignore(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        let attempt = ctx.info().attempt;
        self.0.say(format!("{name} started {attempt}"));
        if attempt == 1 {
            return Err(ApplicationFailure::new(format!("{name} failed"), "Broken").into());
        }
        self.0.opened(&format!("{name} again")).await;
        Ok(format!("{name} done"))
    }

    /// Heartbeats and fails; its second attempt goes on where the first stopped.
    #[activity(auto_heartbeat)]
    pub async fn resume(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        match ctx.heartbeat_details::<String>()? {
            None => {
                for step in 0..5 {
                    ctx.heartbeat(&format!("progress-{step}"))?;
                }
                Err(ApplicationFailure::new("attempt 1 fails", "Retry").into())
            }
            Some(details) => {
                self.0.say(format!("{name} resumed from {details}"));
                tokio::select! {
                    () = self.0.opened(&name) => Ok(format!("resumed from {details}")),
                    _ = ctx.cancelled() => Err(ActivityError::cancelled_with(&"stopped at attempt 2")?),
                }
            }
        }
    }

    /// Says that it was cancelled though nobody asked.
    #[activity]
    #[expect(deprecated, reason = "it is the point: nobody asked")]
    pub async fn give_up(&self) -> Result<String, ActivityError> {
        Err(ActivityError::cancelled())
    }
}
