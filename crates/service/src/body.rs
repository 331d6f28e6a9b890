//! JSON bodies: read whole under a limit, checked field by field, every problem named by pointer and never by value.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use hedui_base::{AreaCode, ResidentId};
use jiff::civil::Date;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::problem::{Kind, Problem};
use crate::wire::FieldError;

/// Largest body: a household of dozens with all they declare is a few kilobytes.
const LIMIT: usize = 1 << 20;

/// A body that is a JSON object, with its hash.
pub(crate) struct JsonBody {
    pub(crate) object: Map<String, Value>,
    pub(crate) hash: String,
}

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
            .is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        if !json {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        let bytes = axum::body::to_bytes(request.into_body(), LIMIT)
            .await
            .map_err(|_| Problem::new(Kind::BodyTooLarge).detail(format!("at most {LIMIT} bytes, sent whole")))?;
        let hash = hex::encode(Sha256::digest(&bytes));
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let code = if error.is_eof() { "json_truncated" } else { "json_syntax" };
            let place = format!("not JSON: something is wrong at line {}, column {}", error.line(), error.column());
            Problem::field("", code, &place)
        })?;
        match value {
            Value::Object(object) => Ok(Self { object, hash }),
            _ => Err(Problem::field("", "not_object", "an object is expected here")),
        }
    }
}

/// Reads the fields of one object and gathers what is wrong with them.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    at: String,
    pub(crate) errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Opens an object that may have only the `known` keys.
    pub(crate) fn new(map: &'a Map<String, Value>, at: &str, known: &[&str]) -> Self {
        let mut fields = Self { map, at: at.to_owned(), errors: Vec::new() };
        for key in map.keys().filter(|k| !known.contains(&k.as_str())) {
            // A key may be anything, also personal; it is repeated only if it looks like a name of ours.
            let plain = key.len() <= 40 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            fields.tell(
                if plain { key } else { "?" },
                "unknown_key",
                &format!("unknown key; known are {}", known.join(", ")),
            );
        }
        fields
    }

    pub(crate) fn tell(&mut self, key: &str, code: &str, message: &str) {
        self.errors.push(FieldError::new(&format!("{}/{key}", self.at), code, message));
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    pub(crate) fn required<T>(&mut self, key: &str, value: Option<T>) -> Option<T> {
        if self.get(key).is_none() {
            self.tell(key, "missing", &format!("`{key}` is required"));
        }
        value
    }

    pub(crate) fn text(&mut self, key: &str) -> Option<&'a str> {
        match self.get(key)? {
            Value::String(text) if !text.trim().is_empty() && text.chars().count() <= 200 => Some(text.trim()),
            Value::String(_) => {
                self.tell(key, "bad_text", "a text of 1 to 200 characters is expected here");
                None
            }
            _ => {
                self.tell(key, "not_text", "a text is expected here");
                None
            }
        }
    }

    /// A number that stands in URLs and logs, so it must not be able to hold anything else.
    pub(crate) fn number(&mut self, key: &str) -> Option<&'a str> {
        let text = self.text(key)?;
        if is_number(text) {
            return Some(text);
        }
        self.tell(key, "bad_number", "letters, digits, `-`, `_` and `.`, at most 64; never an identity number");
        None
    }

    pub(crate) fn date(&mut self, key: &str) -> Option<Date> {
        let day = self.get(key)?.as_str().and_then(|text| text.parse().ok());
        if day.is_none() {
            self.tell(key, "bad_date", "write a day as YYYY-MM-DD");
        }
        day
    }

    pub(crate) fn area(&mut self, key: &str) -> Option<AreaCode> {
        match AreaCode::parse(self.text(key)?) {
            Ok(area) => Some(area),
            Err(error) => {
                self.tell(key, "bad_area", &error.to_string());
                None
            }
        }
    }

    pub(crate) fn list(&mut self, key: &str) -> &'a [Value] {
        match self.get(key) {
            Some(Value::Array(list)) if !list.is_empty() => list,
            None => &[],
            Some(_) => {
                self.tell(key, "not_list", "a list with at least one entry is expected here");
                &[]
            }
        }
    }

    pub(crate) fn texts(&mut self, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (i, value) in self.list(key).iter().enumerate() {
            match value.as_str().map(str::trim) {
                Some(text) if !text.is_empty() && text.len() <= 64 => texts.push(text.to_owned()),
                _ => self.tell(&format!("{key}/{i}"), "not_text", "a short text is expected here"),
            }
        }
        texts
    }

    pub(crate) fn id_number(&mut self, key: &str) -> Option<ResidentId> {
        match ResidentId::parse(self.text(key)?) {
            Ok(id) => Some(id),
            Err(error) => {
                self.tell(key, error.code(), &error.to_string());
                None
            }
        }
    }
}

/// Whether a text can be the number of a case or letter; an identity number cannot.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && ResidentId::parse(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_a_letter_is_never_one_of_a_person() {
        assert!(is_number("L-000001") && is_number("ZJ.2026_1"));
        for bad in ["", "授权书1", "L 1", "990000197001010018", "../etc", &"9".repeat(65)] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn every_field_error_has_its_pointer() {
        let value = serde_json::json!({ "number": "990000197001010018", "valid_from": 5, "张三": 1, "covers": [] });
        let mut fields =
            Fields::new(value.as_object().unwrap(), "/letter", &["number", "valid_from", "area", "covers"]);
        assert_eq!(fields.number("number"), None);
        assert_eq!(fields.date("valid_from"), None);
        let area = fields.area("area");
        assert_eq!(fields.required("area", area), None);
        assert!(fields.list("covers").is_empty());
        let shown: Vec<_> = fields.errors.iter().map(|e| (e.pointer.as_str(), e.code.as_str())).collect();
        let expected = [
            ("/letter/?", "unknown_key"),
            ("/letter/number", "bad_number"),
            ("/letter/valid_from", "bad_date"),
            ("/letter/area", "missing"),
            ("/letter/covers", "not_list"),
        ];
        assert_eq!(shown, expected);
    }
}
