//! The bodies of the fuzz targets over their seeds, over damaged seeds, and over whatever fuzzing has found so far: the
//! same every time, and in every test run.

#[allow(unreachable_pub, reason = "the fuzz targets read it as their library")]
#[path = "../../../../fuzz/bodies/mod.rs"]
mod bodies;

/// Damaged inputs of one target.
const DAMAGED: usize = 400;

/// A small generator: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

/// One to four damages: a byte flipped, a piece lost, doubled, moved from another seed, or the end cut off.
fn damage(seed: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        let until = (at + 1 + numbers.below(40)).min(bytes.len());
        match numbers.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << numbers.below(8),
            1 => drop(bytes.drain(at..until)),
            2 => {
                let piece = bytes[at..until].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let from = numbers.below(other.len());
                let piece = other[from..(from + 1 + numbers.below(40)).min(other.len())].to_vec();
                bytes.splice(at..until, piece);
            }
            4 => bytes.truncate(at),
            _ => {
                let odd: [&[u8]; 8] = [b"\0", b"\xff\xfe", b"1e999", b"<", b"{\"", b"''", b"-0.005", "㛃".as_bytes()];
                bytes.splice(at..at, odd[numbers.below(8)].iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn no_damage_to_a_reply_or_a_manifest_breaks_a_promise() {
    for (target, body) in bodies::TARGETS {
        let seeds = bodies::seeds(target);
        assert!(seeds.len() >= 2, "{target} has no seeds");
        for seed in &seeds {
            body(seed);
        }
        let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
        for _ in 0..DAMAGED {
            let seed = &seeds[numbers.below(seeds.len())];
            let other = &seeds[numbers.below(seeds.len())];
            body(&damage(seed, other, &mut numbers));
        }
    }
}

/// `fuzz/found/TARGET/WHAT_IT_WAS`: every input that once broke a promise, and went into the folder with its mending.
#[test]
fn what_was_found_once_is_never_found_again() {
    let found = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/found");
    let mut count = 0;
    for folder in std::fs::read_dir(found).unwrap().map(Result::unwrap) {
        let (_, body) = bodies::TARGETS.iter().find(|(target, _)| *target == folder.file_name()).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            let mut input = std::fs::read(file.path()).unwrap();
            // The first byte picks a source, another one on the day that an institution is added.
            for pick in 0..=u8::MAX {
                input[0] = pick;
                body(&input);
            }
            count += 1;
        }
    }
    assert!(count > 0, "the folder of findings has moved");
}
