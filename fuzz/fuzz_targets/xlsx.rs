#![no_main]

libfuzzer_sys::fuzz_target!(
    init: hedui_fuzz::begin("xlsx"),
    |data: &[u8]| hedui_fuzz::bodies::xlsx(data)
);
