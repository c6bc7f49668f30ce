//! Makes programs, from a seed.
//!
//! What a program does must not depend on how fast anything is. So what ends by itself (an activity that succeeds, a
//! short timer) is only made where nothing else is under way; beside other things there is only what waits for a
//! client: held activities, timers that never fire, waits for signals. And a short time limit is only set on what
//! would wait for ever.
//!
//! Some of what a rule of ours wants otherwise is not made at all: a child is waited for until it has started (F6), a
//! cancellation is accepted in the run function's own scope only (D5), handlers start nothing that is a task of its own in
//! Python (M1 polls them to their first wait in one go), and what waits for `cancelled()` beside its work (D4) is beside
//! what a client ends, in the run function.

use crate::program::{Act, Cancellation, Hears, Kid, Move, Program, Span, Step, What, WhenClosed};

/// Numbers from a seed (`SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut dice = Self(seed);
        dice.0 ^= dice
            .next()
            .wrapping_add(number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    /// Whether something of so many percent happens.
    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Where a step stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// In the run function, with nothing beside it.
    Alone,
    /// Beside something else, or under a time limit.
    Beside,
    /// In a handler.
    Handler,
}

struct Maker {
    dice: Dice,
    /// There is a gate already.
    gated: bool,
    /// A handler waits for signals.
    handlers_wait: bool,
    labels: usize,
    /// What clients can let go.
    held: Vec<String>,
}

/// A program, the same one for the same numbers.
pub(crate) fn program(seed: u64, number: u64) -> Program {
    let mut maker = Maker {
        dice: Dice::new(seed, number),
        gated: false,
        handlers_wait: false,
        labels: 0,
        held: Vec::new(),
    };
    maker.program()
}

impl Maker {
    fn program(&mut self) -> Program {
        let mut on_signal = Vec::new();
        if self.dice.happens(25) {
            on_signal = self.steps(Place::Handler, 0, 2);
        }
        let mut on_update = Vec::new();
        if self.dice.happens(25) {
            on_update = self.steps(Place::Handler, 0, 2);
        }
        let waits = |step: &Step| matches!(step, Step::WaitSignals(_));
        self.handlers_wait = on_signal.iter().chain(&on_update).any(waits);
        let mut steps = self.steps(Place::Alone, 2, 4);
        self.ending(&mut steps, 2);
        let waits_anywhere = format!("{steps:?}").contains("WaitSignals");
        let mut number = 0;
        let mut before = Vec::new();
        if self.dice.happens(70) {
            for _ in 0..=self.dice.below(4) {
                let message = self.message(&mut number);
                // Without a worker nobody answers. A condition that holds when the run begins is met, also
                // in a run that is to be cancelled (R3); Python waits a turn, and hears of the request.
                if message != Move::Query && (message != Move::Cancel || !waits_anywhere) {
                    before.push(message);
                }
            }
        }
        let mut after = Vec::new();
        for _ in 0..self.dice.below(5) {
            after.push(self.message(&mut number));
        }
        for label in std::mem::take(&mut self.held) {
            if self.dice.happens(75) {
                // Labels of handlers are told apart by the number of the message.
                let label = label.replace('#', &format!(".{}", 1 + self.dice.below(3)));
                let place = self.dice.below(after.len() + 1);
                after.insert(place, Move::Release(label));
            }
        }
        // At last, so that what was found with a seed is found with it again.
        if !self.gated && self.dice.happens(30) {
            self.listen(&mut steps, &mut after);
        }
        Program {
            steps,
            on_signal,
            on_update,
            before,
            after,
        }
    }

    fn message(&mut self, number: &mut u32) -> Move {
        match self.dice.below(10) {
            0..=5 => {
                *number += 1;
                Move::Signal(*number)
            }
            // A gated run may take an update along in the answer that the service then refuses (E4).
            6 | 7 if !self.gated => {
                *number += 1;
                let refused = self.dice.happens(20);
                Move::Update(if refused { 0 } else { *number })
            }
            9 => Move::Cancel,
            _ => Move::Query,
        }
    }

    fn ending(&mut self, steps: &mut Vec<Step>, left: usize) {
        match self.dice.below(10) {
            0 => steps.push(Step::Fail("Enough".to_owned())),
            1..=3 if left > 0 => {
                let mut next = self.steps(Place::Alone, 1, 3);
                self.ending(&mut next, left - 1);
                steps.push(Step::ContinueAsNew(next));
            }
            _ => {}
        }
    }

    /// Waits for a request to cancel beside something that does not end by itself.
    fn listen(&mut self, steps: &mut Vec<Step>, after: &mut Vec<Move>) {
        let mut body = vec![self.held(Place::Beside)];
        if self.dice.happens(30) {
            body.insert(0, Step::Log(self.label('l')));
        }
        let place = self.dice.below(steps.len() + 1);
        let ends = |step: &Step| matches!(step, Step::Fail(_) | Step::ContinueAsNew(_));
        let last = steps.iter().position(ends).unwrap_or(steps.len());
        steps.insert(place.min(last), Step::Listen(body));
        if self.dice.happens(60) {
            let place = self.dice.below(after.len() + 1);
            after.insert(place, Move::Cancel);
        }
        for label in std::mem::take(&mut self.held) {
            if self.dice.happens(40) {
                after.push(Move::Release(label));
            }
        }
    }

    fn label(&mut self, kind: char) -> String {
        self.labels += 1;
        format!("{kind}{}", self.labels)
    }

    fn steps(&mut self, place: Place, depth: usize, most: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..=self.dice.below(most) {
            self.step(&mut steps, place, depth);
        }
        steps
    }

    fn step(&mut self, steps: &mut Vec<Step>, place: Place, depth: usize) {
        let alone = place == Place::Alone;
        let step = match self.dice.below(if depth == 0 { 10 } else { 18 }) {
            0 => Step::Log(self.label('l')),
            1 | 2 if alone => self.free(),
            1..=4 => self.held(place),
            5 if alone => Step::Sleep(Span::Short),
            5 => Step::Sleep(Span::Long),
            6 | 7 => self.wait(place),
            8 if alone => {
                let label = self.label(crate::board::GATE);
                self.held.push(label.clone());
                self.gated = true;
                Step::Gate(label)
            }
            8 | 9 => Step::Log(self.label('l')),
            10 | 11 => Step::Shield(self.steps(place, depth - 1, 2)),
            12 => {
                // Two short ones would end in either order.
                let spans = if alone {
                    &[Span::Short, Span::Long][..]
                } else {
                    &[Span::Long]
                };
                let span = self.dice.one_of(spans);
                // What would end by itself could end before a short time or after it.
                let inside = if span == Span::Short {
                    Place::Beside
                } else {
                    place
                };
                Step::Timeout(span, self.steps(inside, depth - 1, 2))
            }
            13 | 14 => {
                let again = self.dice.happens(50);
                let tried = Step::Try {
                    body: self.steps(place, depth - 1, 2),
                    cleanup: self.steps(place, 0, 2),
                    again,
                };
                steps.push(tried);
                // Only the run function's own scope is accepted for.
                if alone && !again && self.dice.happens(60) {
                    steps.push(Step::Accept);
                }
                return;
            }
            15 => Step::Join(self.branches(depth, false)),
            16 => Step::Race(self.branches(depth, true)),
            // A request that comes in while a gate is closed reaches a child behind it before that has
            // started: ours waits for its start and then its outcome (O1), Python's gives up at once.
            _ if alone && !self.gated => self.child(),
            _ => Step::Log(self.label('l')),
        };
        steps.push(step);
    }

    /// A wait for signals. What waits beside something else, Python wakes a few turns of its loop later, so that a
    /// handler that waits for the same would come before it.
    fn wait(&mut self, place: Place) -> Step {
        if place == Place::Beside && self.handlers_wait {
            return self.held(place);
        }
        Step::WaitSignals(1 + self.dice.below(3))
    }

    fn branches(&mut self, depth: usize, race: bool) -> Vec<Vec<Step>> {
        let count = 2 + self.dice.below(2);
        // In a race one branch alone may wait for signals: of two that are ready in one task, Python runs both.
        let waits = self.dice.below(count + 1);
        (0..count)
            .map(|index| {
                // Each begins with something that waits.
                let mut steps = if index == waits {
                    vec![self.wait(Place::Beside)]
                } else {
                    vec![self.held(Place::Beside)]
                };
                if self.dice.happens(40) {
                    if race {
                        steps.push(Step::Log(self.label('l')));
                    } else {
                        self.step(&mut steps, Place::Beside, depth - 1);
                    }
                }
                steps
            })
            .collect()
    }

    fn cancellation(&mut self) -> Cancellation {
        self.dice.one_of(&[
            Cancellation::Try,
            Cancellation::Try,
            Cancellation::Wait,
            Cancellation::Wait,
            Cancellation::Abandon,
        ])
    }

    /// An activity that ends by itself.
    fn free(&mut self) -> Step {
        let what = self.dice.one_of(&[
            What::Succeeds,
            What::Succeeds,
            What::Fails,
            What::Recovers,
            What::Exhausts,
            What::TimesOut,
        ]);
        Step::Activity(Act {
            label: self.label('a'),
            what,
            local: self.dice.happens(30),
            cancellation: self.cancellation(),
        })
    }

    fn held(&mut self, place: Place) -> Step {
        let mut label = self.label('a');
        if place == Place::Handler {
            label.push('#');
        }
        self.held.push(label.clone());
        let what = What::Held(self.dice.one_of(&[
            Hears::Nothing,
            Hears::AndStops,
            Hears::AndStops,
            Hears::AndSucceeds,
            Hears::AndFails,
        ]));
        Step::Activity(Act {
            label,
            what,
            local: false,
            cancellation: self.cancellation(),
        })
    }

    fn child(&mut self) -> Step {
        let mut steps = Vec::new();
        for _ in 0..=self.dice.below(2) {
            let step = match self.dice.below(4) {
                0 => self.free(),
                1 => self.held(Place::Beside),
                2 => Step::Sleep(Span::Long),
                _ => Step::Log(self.label('l')),
            };
            steps.push(step);
        }
        if self.dice.happens(20) {
            steps.push(Step::Fail("Childish".to_owned()));
        }
        let awaited = self.dice.happens(60);
        if !awaited {
            // One that is beside its parent does not end by itself.
            steps = vec![Step::Sleep(Span::Long)];
        }
        let cancellation = match self.cancellation() {
            // Before it closes, ours waits until a request to cancel has arrived (F6); Python closes.
            Cancellation::Try if awaited => Cancellation::Wait,
            other => other,
        };
        Step::Child(Box::new(Kid {
            label: self.label('k'),
            steps,
            when_closed: self.dice.one_of(&[
                WhenClosed::Terminate,
                WhenClosed::RequestCancel,
                WhenClosed::Abandon,
            ]),
            cancellation,
            awaited,
        }))
    }
}
