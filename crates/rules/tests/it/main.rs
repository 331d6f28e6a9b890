//! Packs as folders: good ones become programs, bad ones lists of mistakes; each is a snapshot.

mod packs;
mod shipped;
