#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hedui_fuzz::begin("csv"),
    |data: &[u8]| hedui_fuzz::bodies::csv(data)
);
