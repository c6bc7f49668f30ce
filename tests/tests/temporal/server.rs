//! A Temporal Service of the test's own, which can be killed, and a wire to it that can be cut.

use std::{net::SocketAddr, path::Path, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
    process::{Child, Command},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::service::variable;

/// A service that keeps everything in a file.
pub(crate) struct Server {
    process: Child,
}

impl Server {
    /// Starts the service; `None` when there is no command line to start it with.
    pub(crate) fn start(port: u16, file: &Path) -> Option<Self> {
        let command = variable("STEADFAST_TEMPORAL_CLI")?;
        let process = Command::new(&command)
            .args(["server", "start-dev", "--headless", "--log-level", "never"])
            .args(["--ip", "127.0.0.1", "--port", &port.to_string()])
            .arg("--db-filename")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Some(Self { process })
    }

    /// Ends the service as a power failure would.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// A port that nobody listens at.
pub(crate) async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire {
    /// They arrive.
    Whole,
    /// They arrive later.
    Slow(Duration),
    /// They do not, and connections are closed.
    Cut,
}

/// A wire between a worker and a service.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    wire: watch::Sender<Wire>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(service: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = watch::channel(Wire::Whole).0;
        let mut tasks = JoinSet::new();
        let (service, state) = (Arc::<str>::from(service), wire.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (service, wire) = (Arc::clone(&service), state.subscribe());
                connections.spawn(connect(near, service, wire));
            }
        });
        Self {
            address,
            wire,
            _tasks: tasks,
        }
    }

    pub(crate) fn becomes(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }
}

async fn connect(near: TcpStream, service: Arc<str>, mut wire: watch::Receiver<Wire>) {
    if *wire.borrow() == Wire::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(&*service).await else {
        return;
    };
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let (there, back) = (wire.clone(), wire.clone());
    tokio::select! {
        () = carry(near_read, far_write, there) => {}
        () = carry(far_read, near_write, back) => {}
        _ = wire.wait_for(|wire| *wire == Wire::Cut) => {}
    }
}

async fn carry(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    wire: watch::Receiver<Wire>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let state = *wire.borrow();
        if let Wire::Slow(delay) = state {
            sleep(delay).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
