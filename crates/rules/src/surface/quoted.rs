//! Places inside TOML strings: which byte of the file a byte of the decoded text comes from.

/// Offset in the file of every byte of `value`, and one past its last.
///
/// `raw` is the string as written, quotes included; `start` is where it begins in the file.
pub(super) fn offsets(raw: &str, start: usize, value: &str) -> Vec<usize> {
    let (open, literal) = ["'''", "\"\"\"", "'", "\""]
        .into_iter()
        .find(|q| raw.starts_with(q) && raw.len() >= 2 * q.len())
        .map_or((0, true), |q| (q.len(), q.starts_with('\'')));
    let body_end = raw.len().saturating_sub(open);
    let mut at = open;
    if open == 3 {
        // A newline right after the opening quotes is not part of the text.
        if raw[at..].starts_with("\r\n") {
            at += 2;
        } else if raw[at..].starts_with('\n') {
            at += 1;
        }
    }
    let mut decoded = String::with_capacity(value.len());
    let mut map = Vec::with_capacity(value.len() + 1);
    while let Some(c) = raw.get(at..body_end).and_then(|rest| rest.chars().next()) {
        let (written, stands_for) =
            if c == '\\' && !literal { escape(&raw[at..body_end]) } else { (c.len_utf8(), Some(c)) };
        if let Some(c) = stands_for {
            decoded.push(c);
            map.extend(std::iter::repeat_n(start + at, c.len_utf8()));
        }
        at += written;
    }
    if decoded != value {
        // Written in a way this reader does not follow: point at the string as a whole.
        map = vec![start; value.len()];
    }
    map.push(start + at.min(body_end));
    map
}

/// Length of the escape that `rest` begins with, and the character it stands for (none for a joined line).
fn escape(rest: &str) -> (usize, Option<char>) {
    let hex = |from: usize, digits: usize| {
        let c = rest.get(from..from + digits).and_then(|h| u32::from_str_radix(h, 16).ok()).and_then(char::from_u32);
        (from + digits, c)
    };
    match rest.as_bytes().get(1) {
        Some(b'b') => (2, Some('\u{8}')),
        Some(b't') => (2, Some('\t')),
        Some(b'n') => (2, Some('\n')),
        Some(b'f') => (2, Some('\u{c}')),
        Some(b'r') => (2, Some('\r')),
        Some(b'e') => (2, Some('\u{1b}')),
        Some(b'"') => (2, Some('"')),
        Some(b'\\') => (2, Some('\\')),
        Some(b'x') => hex(2, 2),
        Some(b'u') => hex(2, 4),
        Some(b'U') => hex(2, 8),
        // A backslash at the end of a line joins it with the next text.
        _ => (rest[1..].find(|c: char| !c.is_whitespace()).map_or(rest.len(), |n| n + 1), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_string_maps_back_to_the_file() {
        for raw in [
            r#""a < b""#,
            r"'a < b'",
            "'''\na < b'''",
            "'''a < b'''",
            "\"\"\"\na \\\n    < b\"\"\"",
            r#""a \u003C b""#,
            r#""\"\t\\a < b""#,
        ] {
            let text = format!("x = {raw}");
            let table: toml::Table = toml::from_str(&text).unwrap();
            let value = table["x"].as_str().unwrap();
            let map = offsets(raw, 4, value);
            assert_eq!(map.len(), value.len() + 1, "{raw}");
            for name in ["a", "b"] {
                let at = value.rfind(name).unwrap();
                assert_eq!(&text[map[at]..=map[at]], name, "{raw}");
            }
        }
    }

    #[test]
    fn an_unfamiliar_string_points_at_its_start() {
        assert_eq!(offsets("\"ab\"", 7, "xyz"), [7, 7, 7, 10]);
    }
}
