#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hedui_fuzz::begin("packed"),
    |data: &[u8]| hedui_fuzz::bodies::packed(data)
);
