//! Bodies on the wire: in the gateway's encoding, and encrypted where it wants them so. The other side of what
//! `hedui-connect` does with them, by the same ciphers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GB18030;
use hedui_connect::cipher::{self, Key};
use hedui_connect::manifest::{CipherEncoding, CipherPlace, CipherPlan, Encoding};
use serde_json::Value as Json;

/// How a source's bodies travel.
pub(super) struct Bodies {
    encoding: Encoding,
    cipher: Option<(CipherPlan, Key)>,
}

impl Bodies {
    /// None if the key is not one for the cipher.
    pub(super) fn new(encoding: Encoding, cipher: Option<(&CipherPlan, &str)>) -> Option<Self> {
        let cipher = match cipher {
            Some((plan, key)) => Some((plan.clone(), plan.cipher.key(key).ok()?)),
            None => None,
        };
        Some(Self { encoding, cipher })
    }

    /// What a content type says of it.
    pub(super) fn charset(&self) -> &'static str {
        match self.encoding {
            Encoding::Gbk => "gbk",
            Encoding::Gb18030 => "gb18030",
            _ => "utf-8",
        }
    }

    fn decode<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        match self.encoding {
            // GBK is read as its superset, as real systems do.
            Encoding::Gbk | Encoding::Gb18030 => GB18030.decode(bytes).0,
            _ => String::from_utf8_lossy(bytes),
        }
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.encoding {
            // And written as its superset, so that no character is replaced.
            Encoding::Gbk | Encoding::Gb18030 => GB18030.encode(text).0.into_owned(),
            _ => text.as_bytes().to_vec(),
        }
    }

    /// A request's body in UTF-8 and in the clear; none if it is not what was agreed.
    pub(super) fn open(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = self.decode(bytes);
        let Some((plan, key)) = &self.cipher else { return Some(text.into_owned().into_bytes()) };
        let open = |sealed: &str| {
            let bytes = match plan.encoding {
                CipherEncoding::Base64 => STANDARD.decode(sealed.trim()).ok()?,
                CipherEncoding::Hex => hex::decode(sealed.trim()).ok()?,
            };
            let plain = cipher::open(plan.cipher, key, &bytes).ok()?;
            Some(self.decode(&plain).into_owned())
        };
        match &plan.request {
            None => Some(text.into_owned().into_bytes()),
            Some(CipherPlace::Body) => Some(open(&text)?.into_bytes()),
            Some(CipherPlace::Field(keys)) => {
                let mut document: Json = serde_json::from_str(&text).ok()?;
                let field = field(&mut document, keys)?;
                let plain = open(field.as_str()?)?;
                let inner = serde_json::from_str(&plain).ok();
                *field = inner.filter(|v: &Json| v.is_object() || v.is_array()).unwrap_or(Json::String(plain));
                Some(document.to_string().into_bytes())
            }
        }
    }

    /// A reply's body as it is sent. A reply without the field that is to be encrypted, such as a refusal, goes in the
    /// clear.
    pub(super) fn seal(&self, body: &str) -> Vec<u8> {
        let Some((plan, key)) = &self.cipher else { return self.encode(body) };
        let seal = |plain: &str| {
            let bytes = cipher::seal(plan.cipher, key, &self.encode(plain)).ok()?;
            Some(match plan.encoding {
                CipherEncoding::Base64 => STANDARD.encode(bytes),
                CipherEncoding::Hex => hex::encode(bytes),
            })
        };
        let sealed = match &plan.response {
            None => None,
            Some(CipherPlace::Body) => seal(body),
            Some(CipherPlace::Field(keys)) => serde_json::from_str(body).ok().and_then(|mut document: Json| {
                let field = field(&mut document, keys)?;
                let plain = field.as_str().map_or_else(|| field.to_string(), str::to_owned);
                *field = Json::String(seal(&plain)?);
                Some(document.to_string())
            }),
        };
        sealed.map_or_else(|| self.encode(body), |text| self.encode(&text))
    }
}

fn field<'d>(document: &'d mut Json, keys: &[String]) -> Option<&'d mut Json> {
    keys.iter().try_fold(document, |value, key| value.get_mut(key))
}
