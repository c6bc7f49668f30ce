//! Whose the file is: one engine's, whatever else its process and others do with it, and only for as
//! long as it is where it was.

#![cfg(unix)]

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use steadfast_embedded::{Durability, EmbeddedEngine, EmbeddedOptions};
use steadfast_engine::{Engine as _, EngineError, ListFilter};

use crate::harness::{block_on, start_request};

const NAME: &str = "possession::process_that_opens";
const FILE: &str = "STEADFAST_POSSESSION_FILE";
const WAIT_MS: &str = "STEADFAST_POSSESSION_WAIT_MS";
const BACKUP: &str = "STEADFAST_POSSESSION_BACKUP";
const RESULT: &str = "STEADFAST_POSSESSION_RESULT";

/// Not a test: what the others start as a process. It tries to open a file, to write to it, and to copy it.
#[test]
fn process_that_opens() {
    let Some(path) = env::var_os(FILE) else {
        return;
    };
    let wait = env::var(WAIT_MS).unwrap().parse().unwrap();
    let options =
        EmbeddedOptions::file(PathBuf::from(path)).wait_for_lock(Duration::from_millis(wait));
    let done = EmbeddedEngine::open(options).and_then(|engine| {
        start(&engine, "theirs")?;
        env::var_os(BACKUP).map_or(Ok(()), |to| block_on(engine.backup(to)))
    });
    let said = match done {
        Ok(()) => "open".to_owned(),
        Err(error) => error.to_string(),
    };
    fs::write(env::var_os(RESULT).unwrap(), said).unwrap();
}

/// Another process that tries to open a file.
struct Other {
    process: Child,
    result: tempfile::NamedTempFile,
}

impl Other {
    fn opens(path: &Path) -> Self {
        Self::waits(path, Duration::ZERO)
    }

    fn waits(path: &Path, wait: Duration) -> Self {
        Self::start(path, |command| {
            command.env(WAIT_MS, wait.as_millis().to_string())
        })
    }

    fn start(path: &Path, set: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let result = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([NAME, "--exact"])
            .env(FILE, path)
            .env(WAIT_MS, "0")
            .env(RESULT, result.path())
            .stdout(Stdio::null());
        let process = set(&mut command).spawn().unwrap();
        Self { process, result }
    }

    /// What it says: `open`, or why not.
    fn says(mut self) -> String {
        assert!(self.process.wait().unwrap().success());
        fs::read_to_string(self.result.path()).unwrap()
    }
}

fn start(engine: &EmbeddedEngine, id: &str) -> Result<(), EngineError> {
    block_on(engine.start_workflow(start_request(id, id))).map(drop)
}

fn count(engine: &EmbeddedEngine) -> u64 {
    block_on(engine.count_workflows(ListFilter::default())).unwrap()
}

/// What the others said must be a refusal; the engine must work on, and what it acknowledged be there.
fn assert_kept(
    engine: &EmbeddedEngine,
    path: &Path,
    others: impl IntoIterator<Item = Other>,
    what: &str,
) {
    for other in others {
        let said = other.says();
        assert!(said.contains("is open in another engine"), "{what}: {said}");
    }
    start(engine, "last").unwrap();
    let all = count(engine);
    engine.shutdown();
    let again = EmbeddedEngine::open(path).unwrap();
    assert_eq!(count(&again), all, "{what}");
    again.shutdown();
    assert_eq!(Other::opens(path).says(), "open");
}

/// Something that a process does with a file that it has open.
type Touch = fn(&Path);

/// On POSIX, whoever closes a file drops every lock of its process on it: the refused engine of this
/// process, a copy, a look at its bytes.
#[test]
fn nothing_that_its_process_does_with_a_file_lets_others_in() {
    let touches: [(&str, Touch); 5] = [
        ("opens it again", |path| {
            let refused = EmbeddedEngine::open(path).unwrap_err().to_string();
            assert!(refused.contains("is open in another engine"), "{refused}");
        }),
        ("reads it", |path| drop(fs::read(path).unwrap())),
        ("copies it", |path| {
            fs::copy(path, path.with_extension("copy")).unwrap();
        }),
        ("opens and closes it for writing", |path| {
            drop(fs::OpenOptions::new().write(true).open(path).unwrap());
        }),
        ("opens it with SQLite", |path| {
            let connection = rusqlite::Connection::open(path).unwrap();
            let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                row.get::<_, i64>(0)
            });
            assert!(read.is_err());
        }),
    ];
    for (what, touch) in touches {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.db");
        let engine = EmbeddedEngine::open(path.as_path()).unwrap();
        start(&engine, "first").unwrap();
        touch(&path);
        let others = [Other::opens(&path), Other::opens(&path)];
        assert_kept(&engine, &path, others, what);
    }
}

#[test]
fn a_file_is_one_file_under_all_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let engine = EmbeddedEngine::open(path.as_path()).unwrap();
    start(&engine, "first").unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let [soft, hard, folder_link] =
        ["soft.db", "hard.db", "link"].map(|name| folder.path().join(name));
    symlink(&path, &soft).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    symlink(folder.path(), &folder_link).unwrap();
    let names = [
        soft,
        hard.clone(),
        folder_link.join("orders.db"),
        inside.join("..").join("orders.db"),
    ];
    for name in &names {
        let refused = EmbeddedEngine::open(name.as_path())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("is open in another engine"), "{refused}");
        drop(fs::read(name).unwrap());
    }
    let others: Vec<_> = names.iter().map(|name| Other::opens(name)).collect();
    for other in others {
        let said = other.says();
        assert!(said.contains("is open in another engine"), "{said}");
    }
    // Its log would have another name there.
    engine.shutdown();
    let refused = EmbeddedEngine::open(hard.as_path())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("hard links"), "{refused}");
    fs::remove_file(&hard).unwrap();
    // A link to a file is the file.
    let engine = EmbeddedEngine::open(names[0].as_path()).unwrap();
    assert_eq!(count(&engine), 1);
    assert!(folder.path().join("orders.db-wal").exists());
    assert!(!folder.path().join("soft.db-wal").exists());
    assert_kept(&engine, &path, [], "it was opened by a link");
}

/// Of many that open a new file at once, in this process and in others, one gets it.
#[test]
fn of_many_that_open_at_once_one_gets_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let path = folder.path().join(format!("{round}.db"));
        let engines: Vec<_> = thread::scope(|scope| {
            let opened: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| EmbeddedEngine::open(path.as_path()).ok()))
                .collect();
            opened
                .into_iter()
                .filter_map(|opened| opened.join().unwrap())
                .collect()
        });
        // Those that were refused at the same time may all have been.
        let engine = match engines.as_slice() {
            [] => EmbeddedEngine::open(path.as_path()).unwrap(),
            [engine] => engine.clone(),
            _ => panic!("{} engines have the file", engines.len()),
        };
        let other = Other::opens(&path);
        assert_kept(&engine, &path, [other], "many open it");
    }
}

#[test]
fn an_engine_waits_for_the_one_before_if_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let engine = EmbeddedEngine::open(path.as_path()).unwrap();
    let options = || EmbeddedOptions::file(&path).wait_for_lock(Duration::from_millis(200));
    let asked = Instant::now();
    let refused = EmbeddedEngine::open(options()).unwrap_err().to_string();
    assert!(refused.contains("is open in another engine"), "{refused}");
    assert!(asked.elapsed() >= Duration::from_millis(200));

    let other = Other::waits(&path, Duration::from_secs(30));
    let here = thread::scope(|scope| {
        let waits = scope.spawn(|| {
            EmbeddedEngine::open(options().wait_for_lock(Duration::from_secs(30)))
                .map(|engine| engine.shutdown())
        });
        start(&engine, "first").unwrap();
        engine.shutdown();
        waits.join().unwrap()
    });
    here.unwrap();
    assert_eq!(other.says(), "open");
    let engine = EmbeddedEngine::open(path.as_path()).unwrap();
    assert_eq!(count(&engine), 2);
}

/// What somebody does with a file, and where what was acknowledged before is then.
struct Move {
    what: &'static str,
    run: fn(&Path),
    /// Nowhere, if the file is deleted.
    found: Option<&'static str>,
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// E2: what would be written into a file that nobody can find again is not acknowledged, and what was
/// acknowledged before is in the file wherever it is now.
#[test]
fn an_engine_whose_file_moves_stops_before_it_acknowledges_anything() {
    let moves = [
        Move {
            what: "renamed",
            run: |path| fs::rename(path, path.with_file_name("moved.db")).unwrap(),
            found: Some("data/moved.db"),
        },
        Move {
            what: "renamed with its log",
            run: |path| {
                fs::rename(path, path.with_file_name("moved.db")).unwrap();
                fs::rename(log_of(path), path.with_file_name("moved.db-wal")).unwrap();
            },
            found: Some("data/moved.db"),
        },
        Move {
            what: "replaced by a copy",
            run: |path| {
                let copy = path.with_file_name("copy.db");
                fs::copy(path, &copy).unwrap();
                fs::rename(path, path.with_file_name("moved.db")).unwrap();
                fs::rename(copy, path).unwrap();
            },
            found: Some("data/moved.db"),
        },
        Move {
            what: "deleted",
            run: |path| fs::remove_file(path).unwrap(),
            found: None,
        },
        Move {
            what: "deleted and created",
            run: |path| {
                fs::remove_file(path).unwrap();
                fs::write(path, "").unwrap();
            },
            found: None,
        },
        Move {
            what: "without its log",
            run: |path| fs::remove_file(log_of(path)).unwrap(),
            found: Some("data/orders.db"),
        },
        Move {
            what: "with another log",
            run: |path| {
                fs::remove_file(log_of(path)).unwrap();
                fs::write(log_of(path), "").unwrap();
            },
            found: Some("data/orders.db"),
        },
        Move {
            what: "in a folder that is renamed",
            run: |path| {
                let folder = path.parent().unwrap();
                fs::rename(folder, folder.with_file_name("moved")).unwrap();
            },
            found: Some("moved/orders.db"),
        },
    ];
    for durability in [Durability::Full, Durability::Relaxed] {
        for Move { what, run, found } in &moves {
            let outside = tempfile::tempdir().unwrap();
            let folder = outside.path().join("data");
            fs::create_dir(&folder).unwrap();
            let path = folder.join("orders.db");
            let options = EmbeddedOptions::file(&path).durability(durability);
            let engine = EmbeddedEngine::open(options).unwrap();
            for id in ["a", "b", "c"] {
                start(&engine, id).unwrap();
            }
            run(&path);
            // The engine looks for its file at most every 50 microseconds.
            thread::sleep(Duration::from_millis(1));
            let error = start(&engine, "lost").unwrap_err();
            assert!(
                matches!(error, EngineError::Stopped { .. }),
                "{what}: {error}"
            );
            assert!(
                error.to_string().contains("no longer where it was"),
                "{what}: {error}"
            );
            // It stays with that, whatever is asked.
            let error = start(&engine, "a").unwrap_err();
            assert!(
                error.to_string().contains("no longer where it was"),
                "{what}: {error}"
            );
            drop(engine);
            let Some(found) = found else { continue };
            let again = EmbeddedEngine::open(outside.path().join(found)).unwrap();
            let all = count(&again);
            assert!((3..=4).contains(&all), "{what}: {all}");
        }
    }
}

/// Writes zeros into a file, and leaves its size as it is.
fn write_into(path: &Path, at: u64) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0; 512], at).unwrap();
}

fn cut(path: &Path, length: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

/// What others write into a file that is open, and what is found when it is opened again.
struct Overwriting {
    what: &'static str,
    run: fn(&Path),
    found: Found,
}

enum Found {
    /// What was acknowledged, but for what was damaged.
    AtMost(u64),
    All,
    /// What was put in its place.
    TheCopy,
    /// It is refused, with that text.
    Refused(&'static str),
}

/// E2: nothing is acknowledged that goes into a file which somebody else wrote to without asking. The lock keeps
/// no `cp`, `truncate` or `dd` out.
#[test]
fn an_engine_whose_file_is_overwritten_in_place_stops_before_it_acknowledges_anything() {
    let cases = [
        Overwriting {
            what: "an old copy is put in its place",
            run: |path| assert!(fs::copy(path.with_extension("old"), path).is_ok()),
            found: Found::TheCopy,
        },
        Overwriting {
            what: "it is emptied",
            run: |path| cut(path, 0),
            found: Found::Refused("put the database back"),
        },
        Overwriting {
            what: "it is cut short",
            run: |path| cut(path, 8192),
            found: Found::Refused("damaged"),
        },
        Overwriting {
            what: "it is made longer",
            run: |path| cut(path, 1 << 20),
            found: Found::All,
        },
        Overwriting {
            what: "something is written into it",
            run: |path| write_into(path, 0),
            found: Found::Refused("not a steadfast file"),
        },
        Overwriting {
            what: "it is touched",
            run: |path| {
                let file = fs::OpenOptions::new().write(true).open(path).unwrap();
                file.set_modified(std::time::SystemTime::now()).unwrap();
            },
            found: Found::All,
        },
        Overwriting {
            what: "its log is emptied",
            run: |path| cut(&log_of(path), 0),
            found: Found::AtMost(0),
        },
        Overwriting {
            what: "its log is cut short",
            run: |path| cut(&log_of(path), fs::metadata(log_of(path)).unwrap().len() - 1),
            found: Found::AtMost(2),
        },
        Overwriting {
            what: "an old log is put in its place",
            run: |path| assert!(fs::copy(path.with_extension("old-wal"), log_of(path)).is_ok()),
            found: Found::AtMost(0),
        },
        Overwriting {
            what: "something is written into its log",
            run: |path| write_into(&log_of(path), 32),
            found: Found::AtMost(0),
        },
    ];
    for durability in [Durability::Full, Durability::Relaxed] {
        for Overwriting { what, run, found } in &cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("orders.db");
            let options = || EmbeddedOptions::file(&path).durability(durability);
            let engine = EmbeddedEngine::open(options()).unwrap();
            start(&engine, "old").unwrap();
            fs::copy(log_of(&path), path.with_extension("old-wal")).unwrap();
            engine.shutdown();
            drop(engine);
            fs::copy(&path, path.with_extension("old")).unwrap();
            // What is in the file, and what is in the log only.
            let engine = EmbeddedEngine::open(options()).unwrap();
            start(&engine, "in the file").unwrap();
            engine.shutdown();
            let engine = EmbeddedEngine::open(options()).unwrap();
            for id in ["a", "b", "c"] {
                start(&engine, id).unwrap();
            }
            run(&path);
            for id in ["lost", "a"] {
                let error = start(&engine, id).unwrap_err();
                assert!(
                    matches!(error, EngineError::Stopped { .. }),
                    "{what}: {error}"
                );
                let said = error.to_string();
                assert!(said.contains("somebody else wrote into"), "{what}: {said}");
            }
            drop(engine);
            let again = EmbeddedEngine::open(path.as_path()).map(|engine| count(&engine));
            match (found, again) {
                (Found::TheCopy, Ok(count)) => {
                    assert_eq!(count, 1, "{what}");
                    // What was acknowledged since is beside it, for whoever wants to look.
                    let aside = files_in(folder.path())
                        .into_iter()
                        .filter(|(path, _)| path.extension().is_some_and(|end| end == "set-aside"));
                    assert_eq!(aside.count(), 1, "{what}");
                }
                (Found::All, Ok(count)) => assert_eq!(count, 5, "{what}"),
                (Found::AtMost(more), Ok(count)) => {
                    assert!((2..=2 + more).contains(&count), "{what}: {count}");
                }
                (Found::Refused(text), Err(error)) => {
                    assert!(error.to_string().contains(text), "{what}: {error}");
                }
                (_, again) => panic!("{what}: {again:?}"),
            }
        }
    }
}

/// What changes nothing that was acknowledged is nobody's business.
#[test]
fn whoever_only_reads_a_file_or_sets_its_mode_does_not_stop_its_engine() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let engine = EmbeddedEngine::open(path.as_path()).unwrap();
    start(&engine, "first").unwrap();
    for file in [path.clone(), log_of(&path)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        fs::hard_link(&file, &link).unwrap();
        fs::remove_file(&link).unwrap();
        fs::copy(&file, folder.path().join("copy")).unwrap();
        start(&engine, &format!("{}", file.display())).unwrap();
    }
    let other = Other::opens(&path);
    assert_kept(&engine, &path, [other], "its mode was set");
}

/// The same while one commit follows the other: what somebody asks for after the file was overwritten is refused.
#[test]
fn a_busy_engine_whose_file_is_overwritten_acknowledges_nothing_that_is_asked_for_then() {
    let overwritings: [fn(&Path); 3] = [
        |path| assert!(fs::copy(path.with_extension("old"), path).is_ok()),
        |path| cut(path, 0),
        |path| cut(&log_of(path), 0),
    ];
    for round in 0..4 {
        for (n, overwrite) in overwritings.iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("orders.db");
            drop(EmbeddedEngine::open(path.as_path()).unwrap());
            fs::copy(&path, path.with_extension("old")).unwrap();
            let options = EmbeddedOptions::file(&path).durability(Durability::Relaxed);
            let engine = EmbeddedEngine::open(options).unwrap();
            let overwritten = AtomicBool::new(false);
            let late = thread::scope(|scope| {
                let work = scope.spawn(|| {
                    for id in 0..100_000 {
                        let late = overwritten.load(Ordering::SeqCst);
                        if start(&engine, &format!("w{id}")).is_err() {
                            return None;
                        }
                        if late {
                            return Some(id);
                        }
                    }
                    Some(0)
                });
                while count(&engine) < 50 {}
                overwrite(&path);
                overwritten.store(true, Ordering::SeqCst);
                work.join().unwrap()
            });
            assert_eq!(late, None, "{round}, {n}");
        }
    }
}

/// A question is not answered from a file that is gone either.
#[test]
fn an_engine_whose_file_is_gone_is_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let client = steadfast::Client::new(EmbeddedEngine::open(path.as_path()).unwrap());
    block_on(client.check_health()).unwrap();
    fs::remove_file(&path).unwrap();
    let error = block_on(client.check_health()).unwrap_err().to_string();
    assert!(error.contains("it was moved or deleted"), "{error}");
}

/// Whoever moves a file and puts another in its place keeps both: an engine that did not notice yet, because it
/// had nothing to write, deletes nothing when it ends.
#[test]
fn an_engine_that_ends_deletes_nothing_of_the_one_that_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let first = EmbeddedEngine::open(path.as_path()).unwrap();
    start(&first, "first").unwrap();
    fs::rename(&path, folder.path().join("moved.db")).unwrap();
    // Its log is still in use there.
    let refused = EmbeddedEngine::open(path.as_path())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("is open in another engine"), "{refused}");
    assert!(!path.exists(), "whoever is refused makes nothing");
    fs::rename(log_of(&path), folder.path().join("moved.db-wal")).unwrap();
    let second = EmbeddedEngine::open(path.as_path()).unwrap();
    start(&second, "second-1").unwrap();
    start(&second, "second-2").unwrap();
    first.shutdown();
    start(&second, "second-3").unwrap();
    second.shutdown();
    assert_eq!(count(&EmbeddedEngine::open(path).unwrap()), 3);
    let moved = folder.path().join("moved.db");
    assert_eq!(count(&EmbeddedEngine::open(moved).unwrap()), 1);
}

/// The files of a folder, byte for byte.
fn files_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// However it was left: in peace or by a process that was killed, with any journal.
#[test]
fn a_database_of_another_application_is_left_as_it_is() {
    for mode in ["DELETE", "WAL"] {
        for killed in [false, true] {
            for statement in ["CREATE TABLE users (name TEXT)", "PRAGMA user_version = 7"] {
                let [theirs, left] = [(), ()].map(|()| tempfile::tempdir().unwrap());
                let other = rusqlite::Connection::open(theirs.path().join("other.db")).unwrap();
                other
                    .pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
                    .unwrap();
                other.execute_batch(statement).unwrap();
                if killed {
                    // A transaction that is under way and too large for memory.
                    other
                        .execute_batch(
                            "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;
                             CREATE TABLE large (value BLOB);
                             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
                             INSERT INTO large SELECT zeroblob(9000) FROM n",
                        )
                        .unwrap();
                }
                let copy = || {
                    for (path, bytes) in files_in(theirs.path()) {
                        fs::write(left.path().join(path.file_name().unwrap()), bytes).unwrap();
                    }
                };
                if killed {
                    copy();
                    drop(other);
                } else {
                    drop(other);
                    copy();
                }
                let before = files_in(left.path());
                let refused = EmbeddedEngine::open(left.path().join("other.db"))
                    .unwrap_err()
                    .to_string();
                let case = format!("{mode}, {killed}, {statement}");
                assert!(refused.contains("another application"), "{case}: {refused}");
                assert!(files_in(left.path()) == before, "{case}");
            }
        }
    }
}

/// Then a process that ends while it makes the file leaves one that the next process knows.
#[test]
fn the_file_itself_says_whose_it_is_and_not_only_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    // An empty file is a new one.
    fs::write(&path, "").unwrap();
    let engine = EmbeddedEngine::open(path.as_path()).unwrap();
    assert_eq!(&fs::read(&path).unwrap()[68..72], b"stdf");
    assert_kept(&engine, &path, [], "it was empty");
}

/// What SQLite would take for a URI or for memory is the name of a file here, of the database and of a backup.
#[test]
fn a_name_is_only_ever_the_name_of_a_file() {
    use std::os::unix::fs::PermissionsExt as _;
    for (name, copy) in [
        ("file:orders.db", "file:copy.db"),
        ("file:orders.db?mode=memory", "file:copy.db?mode=memory"),
        ("a%20b.db", "c%20d.db"),
        ("./:memory:", "?"),
        ("-", ":memory:"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let other = Other::start(Path::new(name), |command| {
            command.env(BACKUP, copy).current_dir(folder.path())
        });
        assert_eq!(other.says(), "open", "{name}");
        let [name, copy] = [name, copy].map(|name| name.trim_start_matches("./").to_owned());
        let mut expected = [name.clone(), copy.clone()];
        expected.sort();
        let found: Vec<_> = files_in(folder.path())
            .into_iter()
            .map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(found, expected);
        for file in [name, copy] {
            let path = folder.path().join(&file);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
            assert_eq!(count(&EmbeddedEngine::open(path).unwrap()), 1, "{file}");
        }
    }
    for name in ["", "/", "..", ":memory:"] {
        let refused = EmbeddedEngine::open(name).unwrap_err().to_string();
        assert!(refused.contains("write "), "{name}: {refused}");
    }
}

/// What is in the way of a backup is somebody's, whatever its name.
#[test]
fn a_backup_deletes_nothing_of_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(folder.path().join("orders.db")).unwrap();
    start(&engine, "first").unwrap();
    let [copy, partial, nowhere] =
        ["copy.db", "copy.db.partial", "nowhere.db"].map(|name| folder.path().join(name));
    fs::write(&partial, "mine").unwrap();
    block_on(engine.backup(&copy)).unwrap();
    assert_eq!(fs::read_to_string(&partial).unwrap(), "mine");
    // A name that leads nowhere is taken as well.
    symlink(folder.path().join("elsewhere"), &nowhere).unwrap();
    let error = block_on(engine.backup(&nowhere)).unwrap_err().to_string();
    assert!(error.contains("name a new file"), "{error}");
    let own = folder.path().join("orders.db");
    let error = block_on(engine.backup(&own)).unwrap_err().to_string();
    assert!(error.contains("name a new file"), "{error}");
    start(&engine, "second").unwrap();
    assert_eq!(count(&engine), 2);
    assert_eq!(count(&EmbeddedEngine::open(copy).unwrap()), 1);
}

/// SQLite has numbers for that.
#[test]
fn what_is_no_file_is_refused_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [linked, beside_a_folder] = ["linked.db", "folder.db"].map(|name| folder.path().join(name));
    symlink("nowhere", log_of(&linked)).unwrap();
    fs::create_dir(log_of(&beside_a_folder)).unwrap();
    for (path, text) in [
        (Path::new("/dev/null"), "is not a file"),
        (folder.path(), "is not a file"),
        (&linked, "has to be a file beside its database"),
        (&beside_a_folder, "has to be a file beside its database"),
    ] {
        let refused = EmbeddedEngine::open(path).unwrap_err().to_string();
        assert!(refused.contains(text), "{refused}");
    }
    assert!(!linked.exists() && !beside_a_folder.exists());
}

/// A process dies, somebody moves the database and forgets its log, and a supervisor starts the process again:
/// a new database in that place would be the end of the log, and of what only that has.
#[test]
fn no_database_is_made_beside_the_log_of_one_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let alive = folder.path().join("alive.db");
    let engine = EmbeddedEngine::open(alive.as_path()).unwrap();
    start(&engine, "acknowledged").unwrap();
    // What a process leaves that is killed now.
    let path = folder.path().join("orders.db");
    fs::copy(&alive, &path).unwrap();
    fs::copy(log_of(&alive), log_of(&path)).unwrap();
    engine.shutdown();

    let moved = folder.path().join("backup.db");
    fs::rename(&path, &moved).unwrap();
    for what in ["moved", "replaced by an empty file"] {
        let refused = EmbeddedEngine::open(path.as_path())
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("put the database back"),
            "{what}: {refused}"
        );
        assert!(fs::metadata(log_of(&path)).unwrap().len() > 0, "{what}");
        fs::write(&path, []).unwrap();
    }
    fs::rename(&moved, &path).unwrap();
    let again = EmbeddedEngine::open(path.as_path()).unwrap();
    assert_eq!(count(&again), 1);
}

/// `SQLite` takes what has the name of the log for one, and deletes it when the database is closed.
#[test]
fn what_somebody_else_gave_the_name_of_the_log_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    EmbeddedEngine::open(&*path).unwrap().shutdown();
    // Another database of ours, and notes.
    let other = EmbeddedEngine::open(log_of(&path)).unwrap();
    start(&other, "other").unwrap();
    other.shutdown();
    let refused = EmbeddedEngine::open(&*path).unwrap_err().to_string();
    assert!(
        refused.contains("has the name of the log of") && refused.contains("move it away"),
        "{refused}"
    );
    let other = EmbeddedEngine::open(log_of(&path)).unwrap();
    assert_eq!(count(&other), 1);
    other.shutdown();
    fs::write(log_of(&path), "notes").unwrap();
    assert!(EmbeddedEngine::open(&*path).is_err());
    assert_eq!(fs::read(log_of(&path)).unwrap(), b"notes");
    // A log that has not reached the disk is none of that.
    fs::write(log_of(&path), [0; 100]).unwrap();
    EmbeddedEngine::open(&*path).unwrap().shutdown();
}
