//! Listeners: bind what the configuration names, accept, and hand each connection to the next worker.

use crate::base::limits::ACCEPT_RETRY;
use crate::log::{Who, log_error, log_info};
use crate::router::ToWorker;
use crate::rules::Rules;
use crate::system::census::Census;
use crate::worker::context::tcp_options;
use machinarium::channel::Sender;
use machinarium::net::addr::Address;
use machinarium::net::listen::{Accept, ListenOptions, Listener};
use machinarium::net::options::TcpOptions;
use machinarium::{Co, Deadline, IoError};
use odyssey_config::{Global, Listen};
use std::cell::Cell;
use std::fs::Permissions;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::rc::Rc;

/// Who gets the next connection: each worker in turn.
pub struct Rota {
    workers: Rc<[Sender<ToWorker>]>,
    next: Cell<usize>,
}

impl Rota {
    /// Starts with the first worker.
    pub fn new(workers: Rc<[Sender<ToWorker>]>) -> Rota {
        Rota { workers, next: Cell::new(0) }
    }

    fn hand(&self, message: ToWorker) {
        let at = self.next.get() % self.workers.len();
        self.next.set(at + 1);
        // A worker that has ended takes nothing: the process ends, and the connection is closed.
        self.workers[at].send(message).ok();
    }
}

/// A bound listener, and the index of its section.
pub struct Bound {
    listener: Listener,
    section: usize,
    socket_file: Option<PathBuf>,
}

impl Bound {
    /// Changes the TCP options of connections accepted from now on.
    ///
    /// # Errors
    /// The kernel's, of the first option it refuses.
    pub fn set_tcp_options(&self, options: &TcpOptions) -> std::io::Result<()> {
        self.listener.set_tcp_options(options)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some(path) = &self.socket_file {
            log_info!(&Who::default(), "server", "remove file {}", path.display());
            std::fs::remove_file(path).ok();
        }
    }
}

/// Binds every listener that can be bound; the others are logged. Several addresses of `*` are one section.
pub fn bind(co: &Co, rules: &Rules) -> Vec<Bound> {
    let mut bound = Vec::new();
    for (section, listen) in rules.config.listens.iter().enumerate() {
        for address in addresses(listen, &rules.config.global) {
            match bind_one(co, rules, listen, &address) {
                Ok(listener) => {
                    log_info!(&Who::default(), "server", "listening on {address}");
                    let socket_file = match address {
                        Address::Unix(path) => Some(path),
                        Address::Tcp(_) => None,
                    };
                    bound.push(Bound { listener, section, socket_file });
                }
                Err(error) => {
                    log_error!(&Who::default(), "server", "bind to '{address}' failed: {error}");
                }
            }
        }
    }
    bound
}

fn addresses(listen: &Listen, global: &Global) -> Vec<Address> {
    let port = listen.port;
    match listen.host.as_deref() {
        None => {
            let directory = global.unix_socket_dir.as_deref().unwrap_or("/tmp");
            vec![Address::Unix(PathBuf::from(directory).join(format!(".s.PGSQL.{port}")))]
        }
        Some("*") => vec![
            Address::Tcp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            Address::Tcp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))),
        ],
        Some(host) => match (host, port).to_socket_addrs() {
            Ok(mut found) => found.next().map(Address::Tcp).into_iter().collect(),
            Err(error) => {
                log_error!(&Who::default(), "server", "failed to resolve '{host}': {error}");
                Vec::new()
            }
        },
    }
}

fn bind_one(co: &Co, rules: &Rules, listen: &Listen, address: &Address) -> std::io::Result<Listener> {
    let global = &rules.config.global;
    let options = ListenOptions {
        backlog: i32::try_from(listen.backlog).unwrap_or(i32::MAX),
        reuse_port: global.bindwith_reuseport,
        accept: Accept::WithFirstBytes,
        tcp: tcp_options(rules),
    };
    if let Address::Unix(path) = address {
        remove_stale(path);
    }
    let listener = Listener::bind(co.machine(), address, &options)?;
    if let (Address::Unix(path), Some(mode)) = (address, global.unix_socket_mode) {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(listener)
}

/// Removes the socket file of a process that is no more; one that answers is left alone.
fn remove_stale(path: &PathBuf) {
    let is_socket = std::fs::symlink_metadata(path)
        .is_ok_and(|metadata| std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type()));
    if is_socket
        && let Err(error) = std::os::unix::net::UnixStream::connect(path)
        && error.kind() == std::io::ErrorKind::ConnectionRefused
    {
        std::fs::remove_file(path).ok();
    }
}

/// Accepts until cancelled.
pub fn accept(co: &Co, bound: &Bound, rota: &Rota, census: &Census) {
    let mut complained = false;
    loop {
        match bound.listener.accept(co, Deadline::never("until the process stops listening")) {
            Ok((io, peer)) => {
                complained = false;
                let refused = census.enter().err();
                rota.hand(ToWorker::Accepted { io, peer, listener: bound.section, refused });
            }
            Err(IoError::Cancelled) => return,
            Err(error) => {
                // Most likely out of descriptors: said once, then tried again at a rate that burns nothing.
                if !complained {
                    log_error!(&Who::default(), "server", "accept failed: {error}");
                }
                complained = true;
                if co.sleep(ACCEPT_RETRY).is_err() {
                    return;
                }
            }
        }
    }
}
