//! The binary `steadfast`, as somebody starts it: what it refuses, and what that leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

fn steadfast(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command
        .current_dir(folder)
        .arg("serve")
        .args(arguments)
        .env_remove("STEADFAST_API_KEY")
        .env_remove("RUST_LOG");
    command
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = steadfast(folder, arguments).output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

/// Ends with its test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it, and gives the lines that it greets with.
fn serving(folder: &Path, arguments: &[&str]) -> (Serving, [String; 2]) {
    let mut command = steadfast(folder, arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let serving = Serving(child);
    let greeting = [(); 2].map(|()| lines.next().unwrap().unwrap());
    (serving, greeting)
}

#[test]
fn what_is_refused_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, why) in [
        (
            vec!["--ip", "0.0.0.0", "--port", "0"],
            "nothing says who may call",
        ),
        (
            vec!["--port", "0", "--api-key", "short"],
            "could be guessed",
        ),
        (vec!["--port", "0", "--read-only"], "there is no file"),
        (
            vec!["--port", "0", "--tls-cert", "none", "--tls-key", "none"],
            "cannot read `none`",
        ),
        (
            vec!["--unix-socket", "no/such/folder/socket"],
            "cannot listen at",
        ),
    ] {
        let arguments: Vec<&str> = ["orders.db"].into_iter().chain(arguments).collect();
        let told = refused(folder.path(), &arguments);
        assert!(told.contains(why), "{told}");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 0, "{arguments:?}");
    }
}

#[test]
fn a_second_owner_is_told_which_flag_waits() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["orders.db", "--port", "0"];
    let (_first, _) = serving(folder.path(), &arguments);
    let told = refused(folder.path(), &arguments);
    assert!(
        told.contains("`orders.db` is open in another engine"),
        "{told}"
    );
    assert!(told.contains("`--wait-for-lock SECONDS`"), "{told}");
}

#[test]
fn it_says_with_which_command_to_look() {
    let folder = tempfile::tempdir().unwrap();
    let (_serving, [_, look]) = serving(
        folder.path(),
        &[
            "--memory",
            "--ip",
            "0.0.0.0",
            "--port",
            "0",
            "--namespace",
            "shop",
            "--api-key",
            "sixteen letters!",
        ],
    );
    let port = look
        .split(':')
        .nth(2)
        .and_then(|rest| rest.split(' ').next());
    let port = port.unwrap();
    assert_ne!(port, "0");
    assert_eq!(
        look,
        format!(
            "try: temporal workflow list --address 127.0.0.1:{port} --namespace shop --api-key KEY --tls=false"
        )
    );
    let (_serving, [_, look]) = serving(folder.path(), &["--memory", "--unix-socket", "socket"]);
    assert_eq!(look, "try: temporal workflow list --address unix:socket");
}
