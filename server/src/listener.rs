//! Opens the address of a server.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

use crate::{
    address::Address,
    options::{ServeError, ServeOptions},
};

/// What was opened.
pub(crate) enum Listener {
    Tcp(TcpListenerStream),
    #[cfg(unix)]
    Unix(unix::Socket),
}

/// Opens the address of some options, and says where it is.
pub(crate) async fn open(options: &ServeOptions) -> Result<(Address, Listener), ServeError> {
    let address = options.address.clone();
    options.api_keys.check()?;
    if address.is_open() && !options.knows_callers() {
        return Err(ServeError::Open { address });
    }
    let opened = match &address {
        Address::Tcp(address) => open_port(*address).await,
        #[cfg(unix)]
        Address::Unix(path) => unix::Socket::open(path)
            .await
            .map(|socket| (Address::Unix(path.clone()), Listener::Unix(socket))),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::other("this system has no Unix sockets")),
    };
    opened.map_err(|source| ServeError::Listen { address, source })
}

async fn open_port(address: SocketAddr) -> io::Result<(Address, Listener)> {
    let listener = TcpListener::bind(address).await?;
    let address = Address::Tcp(listener.local_addr()?);
    Ok((address, Listener::Tcp(TcpListenerStream::new(listener))))
}

#[cfg(unix)]
pub(crate) mod unix {
    use std::{
        fs, io,
        os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        path::{Path, PathBuf},
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::net::{UnixListener, UnixStream};
    use tokio_stream::{Stream, wrappers::UnixListenerStream};

    /// A socket whose file goes with it.
    pub(crate) struct Socket {
        listener: UnixListenerStream,
        path: PathBuf,
        inode: u64,
    }

    impl Socket {
        pub(crate) async fn open(path: &Path) -> io::Result<Self> {
            match fs::symlink_metadata(path) {
                Ok(found) if !found.file_type().is_socket() => {
                    return Err(io::Error::other(
                        "there is a file of that name, which is no socket",
                    ));
                }
                Ok(_) if UnixStream::connect(path).await.is_ok() => {
                    return Err(io::Error::other("somebody listens there already"));
                }
                // Whoever listened there is gone.
                Ok(_) => fs::remove_file(path)?,
                Err(_) => {}
            }
            // Nobody else may connect, not even between the two steps: it is made in a folder of our own.
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or_else(|| Path::new("."));
            let private = folder.join(format!(".steadfast-{}", std::process::id()));
            fs::create_dir(&private)?;
            let made = make(&private, path);
            let _ = fs::remove_dir_all(&private);
            let listener = made?;
            Ok(Self {
                listener: UnixListenerStream::new(listener),
                inode: fs::symlink_metadata(path)?.ino(),
                path: path.to_owned(),
            })
        }
    }

    fn make(private: &Path, path: &Path) -> io::Result<UnixListener> {
        fs::set_permissions(private, fs::Permissions::from_mode(0o700))?;
        let inside = private.join("socket");
        let listener = UnixListener::bind(&inside)?;
        fs::set_permissions(&inside, fs::Permissions::from_mode(0o600))?;
        fs::rename(&inside, path)?;
        Ok(listener)
    }

    impl Stream for Socket {
        type Item = io::Result<UnixStream>;

        fn poll_next(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Self::Item>> {
            Pin::new(&mut self.listener).poll_next(context)
        }
    }

    impl Drop for Socket {
        fn drop(&mut self) {
            // Another server may have taken the name since.
            let own = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
            if own {
                let _ = fs::remove_file(&self.path);
            }
        }
    }
}
