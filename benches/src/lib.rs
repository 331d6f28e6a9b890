//! Nothing but a home for `benches/`: whole-path benchmarks, run with `cargo bench -p hedui-benches`.
