#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hedui_fuzz::begin("xml"),
    |data: &[u8]| hedui_fuzz::bodies::xml(data)
);
