//! What survives a process: the ledger of the client and the journal of the activities.
//!
//! A line is one write to a file that is only appended to. The end of the process takes nothing that
//! was written from the operating system, so nothing waits for the disk here. A write can be cut
//! short by a kill, so a line counts only with its last word.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, read_to_string},
    io::Write as _,
    path::{Path, PathBuf},
};

/// The last word of a line.
const WHOLE: &str = " .";

/// A line of the ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Record {
    /// The client is about to ask for a start.
    Asked { id: String },
    /// The start was acknowledged.
    Started { id: String, run: String },
    /// A signal is about to be sent.
    Signalling { id: String, value: String },
    /// The signal was acknowledged.
    Signalled { id: String, value: String },
    /// A cancellation is about to be requested.
    Cancelling { id: String },
    /// The request was acknowledged.
    Cancelled { id: String },
    /// An update is about to be sent.
    Updating { id: String, value: String },
    /// The outcome of the update was given.
    Updated { id: String, value: String },
    /// A termination is about to be asked for.
    Terminating { id: String },
    /// The termination was acknowledged.
    Terminated { id: String },
    /// A reset is about to be asked for.
    Resetting { id: String },
    /// The reset was acknowledged.
    Reset { id: String, run: String },
    /// The result was given.
    Result { id: String, outcome: String },
}

impl Record {
    fn write(&self) -> String {
        match self {
            Self::Asked { id } => format!("asked {id}"),
            Self::Started { id, run } => format!("started {id} {run}"),
            Self::Signalling { id, value } => format!("signalling {id} {value}"),
            Self::Signalled { id, value } => format!("signalled {id} {value}"),
            Self::Cancelling { id } => format!("cancelling {id}"),
            Self::Cancelled { id } => format!("cancelled {id}"),
            Self::Updating { id, value } => format!("updating {id} {value}"),
            Self::Updated { id, value } => format!("updated {id} {value}"),
            Self::Terminating { id } => format!("terminating {id}"),
            Self::Terminated { id } => format!("terminated {id}"),
            Self::Resetting { id } => format!("resetting {id}"),
            Self::Reset { id, run } => format!("reset {id} {run}"),
            Self::Result { id, outcome } => format!("result {id} {outcome}"),
        }
    }

    fn read(line: &str) -> Self {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (what, id, rest) = (word(), word(), word());
        match what.as_str() {
            "asked" => Self::Asked { id },
            "started" => Self::Started { id, run: rest },
            "signalling" => Self::Signalling { id, value: rest },
            "signalled" => Self::Signalled { id, value: rest },
            "cancelling" => Self::Cancelling { id },
            "cancelled" => Self::Cancelled { id },
            "updating" => Self::Updating { id, value: rest },
            "updated" => Self::Updated { id, value: rest },
            "terminating" => Self::Terminating { id },
            "terminated" => Self::Terminated { id },
            "resetting" => Self::Resetting { id },
            "reset" => Self::Reset { id, run: rest },
            "result" => Self::Result { id, outcome: rest },
            _ => panic!("`{line}` is no line of a ledger"),
        }
    }
}

/// An activity that began or ended, as it says itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Deed {
    pub(crate) ended: bool,
    pub(crate) attempt: u32,
    /// The process that ran it.
    pub(crate) process: u32,
    /// In nanoseconds since 1970.
    pub(crate) time: i64,
}

/// Run, activity id.
pub(crate) type Doer = (String, String);

/// A file that is only appended to.
#[derive(Debug)]
pub(crate) struct Papers(File);

impl Papers {
    pub(crate) fn database(folder: &Path) -> PathBuf {
        folder.join("load.db")
    }

    pub(crate) fn open_ledger(folder: &Path) -> Self {
        Self::open(&folder.join("ledger"))
    }

    pub(crate) fn open_journal(folder: &Path) -> Self {
        Self::open(&folder.join("journal"))
    }

    fn open(path: &Path) -> Self {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        // What a kill cut short stays on a line of its own.
        file.write_all(b"\n").unwrap();
        Self(file)
    }

    pub(crate) fn record(&self, record: &Record) {
        self.append(&record.write());
    }

    pub(crate) fn deed(&self, run: &str, activity: &str, deed: Deed) {
        let Deed {
            ended,
            attempt,
            process,
            time,
        } = deed;
        let what = if ended { "end" } else { "begin" };
        self.append(&format!(
            "{what} {run} {activity} {attempt} {process} {time}"
        ));
    }

    fn append(&self, line: &str) {
        let line = format!("{line}{WHOLE}\n");
        (&self.0).write_all(line.as_bytes()).unwrap();
    }

    fn lines(path: &Path) -> Vec<String> {
        let text = read_to_string(path).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.strip_suffix(WHOLE))
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn ledger(folder: &Path) -> Vec<Record> {
        let lines = Self::lines(&folder.join("ledger"));
        lines.iter().map(|line| Record::read(line)).collect()
    }

    pub(crate) fn journal(folder: &Path) -> BTreeMap<Doer, Vec<Deed>> {
        let mut deeds: BTreeMap<Doer, Vec<Deed>> = BTreeMap::new();
        for line in Self::lines(&folder.join("journal")) {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, run, activity, attempt, process, time] = words.as_slice() else {
                panic!("`{line}` is no line of a journal");
            };
            let deed = Deed {
                ended: *what == "end",
                attempt: attempt.parse().unwrap(),
                process: process.parse().unwrap(),
                time: time.parse().unwrap(),
            };
            let doer = ((*run).to_owned(), (*activity).to_owned());
            deeds.entry(doer).or_default().push(deed);
        }
        deeds
    }
}
