//! Servers come up, and go away with who started them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::TcpStream;

use hedui_databases::{Kind, Options, Server};

#[test]
fn a_server_takes_connections_until_it_is_dropped() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let Some(server) = Server::for_tests(kind, &Options::default()) else { continue };
        let port = server.port();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "{kind:?}");
        assert!(server.endpoint("x").ends_with(&format!("://127.0.0.1:{port}/x")));
        drop(server);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{kind:?} is stopped");
    }
}
