#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hedui_fuzz::begin("rows"),
    |data: &[u8]| hedui_fuzz::bodies::rows(data)
);
