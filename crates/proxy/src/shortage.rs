//! What a process can run out of by itself. That a connection is not made for such a reason says nothing about its other
//! end.

use std::{fmt, io};

use rustix::io::Errno;

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// Our own bound ([`Sockets`](crate::Sockets)), which is there so that the others are not met.
    Connections,
    /// File descriptors, of the process or of the node.
    Descriptors,
    /// Local ports for connections to one address.
    Ports,
    /// The kernel's memory for sockets.
    Memory,
}

impl Shortage {
    /// Every one of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Connections, Self::Descriptors, Self::Ports, Self::Memory];

    /// Whether a connection could not be accepted or made for such a reason: connect(2), accept(2), socket(2).
    pub fn of(error: &io::Error) -> Option<Self> {
        if let Some(shortage) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Some(*shortage);
        }
        match Errno::from_io_error(error)? {
            Errno::MFILE | Errno::NFILE => Some(Self::Descriptors),
            Errno::ADDRNOTAVAIL => Some(Self::Ports),
            Errno::NOBUFS | Errno::NOMEM => Some(Self::Memory),
            _ => None,
        }
    }

    /// For a metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Descriptors => "descriptors",
            Self::Ports => "ports",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connections => "connections that it may open",
            Self::Descriptors => "file descriptors",
            Self::Ports => "local ports",
            Self::Memory => "memory for sockets",
        })
    }
}

impl std::error::Error for Shortage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_our_own_is_told_from_what_is_the_peers() {
        let of = |errno: Errno| Shortage::of(&errno.into());
        assert_eq!(of(Errno::MFILE), Some(Shortage::Descriptors));
        assert_eq!(of(Errno::NFILE), Some(Shortage::Descriptors));
        assert_eq!(of(Errno::ADDRNOTAVAIL), Some(Shortage::Ports));
        assert_eq!(of(Errno::NOBUFS), Some(Shortage::Memory));
        assert_eq!(of(Errno::NOMEM), Some(Shortage::Memory));
        for of_the_peer in
            [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::NETUNREACH, Errno::TIMEDOUT, Errno::CONNRESET]
        {
            assert_eq!(of(of_the_peer), None, "{of_the_peer}");
        }
        assert_eq!(Shortage::of(&io::Error::other(Shortage::Connections)), Some(Shortage::Connections));
        assert_eq!(Shortage::of(&io::ErrorKind::AddrNotAvailable.into()), None, "nothing that the kernel said");
    }
}
