//! Real database servers on loopback, for tests and simulators: installed programs, a folder of their own, a free port.
//!
//! A server stops when it is dropped, and also when the process that started it ends in any way: a small shell beside it
//! holds one end of a pipe and stops the server, by its process id, as soon as the other end is gone.
//!
//! ```no_run
//! use hedui_databases::{Kind, Options, Server};
//!
//! let server = Server::start(Kind::Postgres, &Options::default())?;
//! println!("{} as {}", server.endpoint("postgres"), server.user());
//! # Ok::<(), hedui_databases::NotStarted>(())
//! ```
//!
//! Absent: any client. Who starts a server connects with its own.

mod programs;
mod server;

pub use server::{Kind, NotStarted, Options, Server, Tls};
