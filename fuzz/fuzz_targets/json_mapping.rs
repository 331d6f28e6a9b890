#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hedui_fuzz::begin("json_mapping"),
    |data: &[u8]| hedui_fuzz::bodies::json_mapping(data)
);
