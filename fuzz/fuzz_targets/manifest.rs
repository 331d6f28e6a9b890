#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hedui_fuzz::begin("manifest"),
    |data: &[u8]| hedui_fuzz::bodies::manifest(data)
);
