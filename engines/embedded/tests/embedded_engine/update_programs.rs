//! Little programs of starts, updates, both together, answers of workers and terminations, made from a seed: a model says of
//! each step what comes of it, and the engine is told the program with that as a script.
//!
//! `STEADFAST_UPDATE_PROGRAMS` and `STEADFAST_UPDATE_SEED` make it more of them, and others.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    env,
    fmt::Write as _,
};

use steadfast_engine::EngineError;

use crate::{dice::Dice, harness::run};

const FAILED: &str =
    "Workflow Update failed because the Workflow completed before the Update completed.";
const STARTED: &str = "workflow execution already started";

/// How far an update has come in a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Update {
    Admitted,
    Accepted,
    Completed(u64),
}

#[derive(Clone, Debug, Default)]
struct Run {
    is_open: bool,
    /// The request that started it.
    request: String,
    has_task: bool,
    updates: BTreeMap<u64, Update>,
    /// The admitted ones in the order in which they came.
    arrived: Vec<u64>,
}

/// Somebody who waits for an update.
#[derive(Clone, Debug)]
struct Sender {
    /// The request of the start that came with it.
    start: Option<String>,
}

/// What there is of one workflow, and the program so far.
struct Model {
    dice: Dice,
    script: String,
    run: Option<Run>,
    senders: BTreeMap<u64, Sender>,
    next_request: u64,
    next_value: u64,
}

impl Model {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            script: String::new(),
            run: None,
            senders: BTreeMap::new(),
            next_request: 0,
            next_value: 0,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.script, "{line}").unwrap();
    }

    fn open(&mut self) -> Option<&mut Run> {
        self.run.as_mut().filter(|run| run.is_open)
    }

    fn start_run(&mut self, request: &str) {
        self.run = Some(Run {
            is_open: true,
            request: request.to_owned(),
            has_task: true,
            ..Run::default()
        });
    }

    /// The update is put to the open run.
    fn put(&mut self, update: u64) {
        let run = self.open().unwrap();
        if let Entry::Vacant(entry) = run.updates.entry(update) {
            entry.insert(Update::Admitted);
            run.arrived.push(update);
            run.has_task = true;
        }
    }

    /// Whoever waits for an update hears this.
    fn tell(&mut self, update: u64, answer: &str) {
        if self.senders.remove(&update).is_some() {
            self.say(&format!("updated w u{update} {answer}"));
        }
    }

    /// The run ends, and another one follows if a request starts it in the same commit. What was said to the run and not
    /// looked at is aborted, or for the next one.
    fn close(&mut self, next: Option<&str>) {
        let mut closed = self.run.take().unwrap();
        closed.is_open = false;
        closed.has_task = false;
        let arrived = std::mem::take(&mut closed.arrived);
        closed.updates.retain(|update, _| !arrived.contains(update));
        self.run = Some(closed.clone());
        if let Some(request) = next {
            self.start_run(request);
        }
        let mut moved = Vec::new();
        for update in arrived {
            let sender = self.senders.get(&update).cloned();
            match sender.and_then(|sender| sender.start) {
                Some(start) if start != closed.request => moved.push((update, start)),
                _ => self.tell(update, &format!("=> {}", EngineError::UPDATE_ABORTED)),
            }
        }
        for (update, state) in closed.updates {
            if state == Update::Accepted {
                self.tell(update, FAILED);
            }
        }
        self.move_on(moved);
    }

    fn move_on(&mut self, moved: Vec<(u64, String)>) {
        for (update, start) in moved {
            if self.open().is_none() {
                // An outcome that the run has under the same id cannot be: it was not looked at.
                self.start_run(&start);
            }
            self.put(update);
            self.say(&format!("moved w u{update}"));
        }
    }

    fn request(&mut self) -> String {
        // Now and then one is repeated.
        if self.dice.one_in(6)
            && let Some(run) = &self.run
        {
            return run.request.clone();
        }
        self.next_request += 1;
        format!("start-{}", self.next_request)
    }

    fn start(&mut self) {
        self.next_request += 1;
        let request = format!("start-{}", self.next_request);
        let conflict = self.dice.pick(&["fail", "use", "terminate"]).unwrap();
        let line = format!("start w conflict={conflict} request={request}");
        match (self.open().is_some(), conflict) {
            (true, "fail") => self.say(&format!("{line} => {STARTED}")),
            (true, "use") => self.say(&line),
            (true, _) => {
                self.say(&line);
                self.close(Some(&request));
            }
            (false, _) => {
                self.say(&line);
                self.start_run(&request);
            }
        }
    }

    /// An update that nobody waits for yet.
    fn free_update(&mut self) -> Option<u64> {
        let update = self.dice.below(5) as u64;
        (!self.senders.contains_key(&update)).then_some(update)
    }

    fn update(&mut self) {
        let Some(update) = self.free_update() else {
            return;
        };
        let line = format!("update w u{update}");
        let state = self
            .run
            .as_ref()
            .and_then(|run| run.updates.get(&update).copied());
        match (self.run.as_ref().map(|run| run.is_open), state) {
            (None, _) => self.say(&format!("{line} => workflow not found for ID: w")),
            (Some(false), None) => {
                self.say(&format!("{line} => {}", EngineError::ALREADY_COMPLETED));
            }
            (_, Some(Update::Completed(value))) => {
                self.say(&line);
                self.say(&format!("updated w u{update} {value}"));
            }
            (Some(false), Some(_)) => {
                self.say(&line);
                self.say(&format!("updated w u{update} {FAILED}"));
            }
            (Some(true), _) => {
                self.say(&line);
                self.senders.insert(update, Sender { start: None });
                self.put(update);
            }
        }
    }

    fn update_with_start(&mut self) {
        let Some(update) = self.free_update() else {
            return;
        };
        let request = self.request();
        let conflict = self
            .dice
            .pick(&["fail", "use", "use", "terminate"])
            .unwrap();
        let line = format!("update-with-start w u{update} conflict={conflict} request={request}");
        let state = self
            .run
            .as_ref()
            .and_then(|run| run.updates.get(&update).copied());
        if let Some(Update::Completed(value)) = state {
            self.say(&line);
            return self.say(&format!("updated w u{update} {value}"));
        }
        let is_own = self.run.as_ref().is_some_and(|run| run.request == request);
        if is_own && self.open().is_none() {
            return match state {
                Some(_) => {
                    self.say(&line);
                    self.say(&format!("updated w u{update} {FAILED}"));
                }
                None => self.say(&format!("{line} => {}", EngineError::ALREADY_COMPLETED)),
            };
        }
        let is_open = self.open().is_some();
        if is_open && !is_own && state.is_none() && conflict == "fail" {
            return self.say(&format!("{line} => {STARTED}"));
        }
        self.say(&line);
        if is_open && !is_own && state.is_none() && conflict == "terminate" {
            self.close(Some(&request));
        } else if !is_open {
            self.start_run(&request);
        }
        let start = Some(request);
        self.senders.insert(update, Sender { start });
        self.put(update);
    }

    /// A worker answers the task that there is.
    fn work(&mut self) {
        if self.open().is_none_or(|run| !run.has_task) {
            return self.say("quiet w");
        }
        let mut commands = Vec::new();
        let mut told = Vec::new();
        let run = self.run.clone().unwrap();
        let accepted = run.updates.iter().filter(|it| *it.1 == Update::Accepted);
        let accepted: Vec<u64> = accepted.map(|it| *it.0).collect();
        for update in run.arrived.iter().copied() {
            let choice = self.dice.below(4);
            let run = self.run.as_mut().unwrap();
            if choice == 0 {
                commands.push(format!("reject u{update} no"));
                run.updates.remove(&update);
                told.push((update, "no".to_owned()));
                continue;
            }
            commands.push(format!("accept u{update}"));
            run.updates.insert(update, Update::Accepted);
            if choice > 1 {
                self.complete(update, &mut commands, &mut told);
            }
        }
        for update in accepted {
            if self.dice.one_in(2) {
                self.complete(update, &mut commands, &mut told);
            }
        }
        let closes = self.dice.one_in(5);
        if closes {
            commands.push("complete".to_owned());
        }
        let run = self.run.as_mut().unwrap();
        run.arrived.clear();
        run.has_task = false;
        self.say(&format!("task w: {}", commands.join("; ")));
        for (update, answer) in told {
            self.tell(update, &answer);
        }
        if closes {
            self.close(None);
        }
    }

    fn complete(&mut self, update: u64, commands: &mut Vec<String>, told: &mut Vec<(u64, String)>) {
        self.next_value += 1;
        let value = self.next_value;
        commands.push(format!("complete-update u{update} {value}"));
        let run = self.run.as_mut().unwrap();
        run.updates.insert(update, Update::Completed(value));
        told.push((update, value.to_string()));
    }

    fn step(&mut self) {
        match self.dice.below(12) {
            0 => self.start(),
            1 | 2 => self.update(),
            3..=5 => self.update_with_start(),
            6..=9 => self.work(),
            10 => {
                if let Some(run) = self.open() {
                    run.has_task = true;
                    self.say("signal w go");
                }
            }
            _ => {
                if self.open().is_some() {
                    self.say("terminate w enough");
                    self.close(None);
                }
            }
        }
        let status = match &self.run {
            Some(run) if run.is_open => "status w Running",
            _ => return,
        };
        self.say(status);
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn what_becomes_of_updates_is_what_a_model_says() {
    let first = number("STEADFAST_UPDATE_SEED", 1);
    for seed in first..first + number("STEADFAST_UPDATE_PROGRAMS", 60) {
        let mut model = Model::new(seed);
        for _ in 0..40 {
            model.step();
        }
        let script = model.script;
        let told = std::panic::catch_unwind(|| run(&script));
        assert!(told.is_ok(), "seed {seed}\n{script}");
    }
}
