//! The child process, from outside: started, listened to, killed.

use std::{
    env,
    fs::{File, read_to_string},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use steadfast::engine::embedded::EmbeddedEngine;

use crate::{child, dice::Dice, papers::Papers};

/// Longer than anything takes on a busy machine.
const HANGS_AFTER: Duration = Duration::from_secs(30);

/// What a kill is aimed at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Aim {
    /// Nothing: the process is not to be killed in any certain moment.
    Nothing,
    /// The start of the process.
    Start,
    /// The time after the file was opened, when what the last kill left is picked up.
    Recovery,
    /// The time after some acknowledgements.
    Load { acknowledgements: u64 },
    /// The moment before the commit of a transaction, or the one after it, when nobody knows.
    Commit { number: u64, after: bool },
    /// The same moment, which takes a while here, so that a signal to end comes within it.
    SlowCommit { number: u64, after: bool },
}

impl Aim {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::Start,
            1 => Self::Recovery,
            2 | 3 => Self::Commit {
                number: 1 + dice.below(60),
                after: dice.below(2) == 1,
            },
            _ => Self::Load {
                acknowledgements: 1 + dice.below(50),
            },
        }
    }
}

/// Says something to whoever runs the tests.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A process that works on the file of a folder.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    heard: Receiver<String>,
    folder: PathBuf,
    stderr: PathBuf,
    seed: u64,
}

impl Child {
    pub(crate) fn start(folder: &Path, seed: u64, aim: Aim, mode: &str) -> Self {
        let stderr = folder.join("stderr");
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([child::NAME, "--exact", "--nocapture"])
            .env(child::MODE, mode)
            .env(child::FOLDER, folder)
            .env(child::SEED, seed.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap());
        match aim {
            Aim::Commit { number, after } => {
                command.env(child::STUCK_AT, format!("{number} {after} forever"));
            }
            Aim::SlowCommit { number, after } => {
                command.env(child::STUCK_AT, format!("{number} {after} briefly"));
            }
            Aim::Nothing | Aim::Start | Aim::Recovery | Aim::Load { .. } => {}
        }
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (say, heard) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            heard,
            folder: folder.to_owned(),
            stderr,
            seed,
        }
    }

    /// Waits until the process says a word.
    pub(crate) fn hear(&mut self, word: &str) {
        let until = Instant::now() + HANGS_AFTER;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(line) if line == word => return,
                Ok(_) => {}
                Err(error) => {
                    let _ = self.process.kill();
                    let status = self.process.wait();
                    panic!(
                        "STEADFAST_KILL_SEED={}: the process never said `{word}` ({error}, {status:?}):\n{}",
                        self.seed,
                        self.stderr()
                    );
                }
            }
        }
    }

    /// Waits until it is time to kill.
    pub(crate) fn wait_for(&mut self, aim: Aim, dice: &mut Dice) {
        let limit = match aim {
            Aim::Nothing => 1,
            Aim::Start => 60_000,
            Aim::Recovery => {
                self.hear("open");
                10_000
            }
            Aim::Load { acknowledgements } => {
                for _ in 0..acknowledgements {
                    self.hear("ack");
                    if dice.below(8) == 0 {
                        self.is_not_let_in();
                    }
                }
                8_000
            }
            Aim::Commit { .. } | Aim::SlowCommit { .. } => {
                self.hear("stuck");
                self.is_not_let_in();
                3_000
            }
        };
        thread::sleep(Duration::from_micros(dice.below(limit)));
    }

    /// This process tries to open the file that the other one has open, and must be refused.
    pub(crate) fn is_not_let_in(&self) {
        let opened = EmbeddedEngine::open(Papers::database(&self.folder)).map(drop);
        let refusal = opened.err().map(|error| error.to_string());
        assert!(
            refusal
                .as_ref()
                .is_some_and(|text| text.contains("is open in another engine")),
            "STEADFAST_KILL_SEED={}: two processes have the file, or this one was refused for another reason: \
             {refusal:?}",
            self.seed
        );
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        // A process that has ended by itself shows in its status.
        let _ = self.process.kill();
        self.process.wait().unwrap()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the process ends by itself.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        // The pipe closes with the process.
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(_) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    return self.process.wait().ok();
                }
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    self.kill();
                    return None;
                }
            }
        }
    }

    /// What the process complained about.
    pub(crate) fn stderr(&self) -> String {
        read_to_string(&self.stderr).unwrap_or_default()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
