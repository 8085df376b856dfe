//! The ports that an emulator listens on.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// The ports on which an emulator listens, on this machine only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) blob: u16,
    pub(super) queue: u16,
    pub(super) table: u16,
}

impl Ports {
    /// Three that are free. All are held until all are found, so that they differ.
    pub(super) fn free() -> io::Result<Self> {
        let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let mut ports = [0; 3];
        for (port, listener) in ports.iter_mut().zip(&held) {
            let listener = listener.as_ref().map_err(|error| io::Error::from(error.kind()))?;
            *port = listener.local_addr()?.port();
        }
        let [blob, queue, table] = ports;
        Ok(Self { blob, queue, table })
    }
}
