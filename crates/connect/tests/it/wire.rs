//! How requests are signed and encrypted, and replies decrypted and decoded, between our client and a real server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hedui_base::{Outcome, SourceText};
use hedui_connect::cipher::{self, Cipher};
use hedui_connect::sign::{self, Signed};
use hedui_connect::{Cause, InstitutionFolder, Observed, RawReply, Registry, Site, catalogue};
use rcgen::KeyPair;

use crate::support::{
    Asked, LI, Told, ZHANG, context, failed, header, manifest, outcomes, replied, serve_bytes, subject,
};

const NOBODY: &str = r#"{"code":"0","list":[{"sfzh":"990000197001010018","zt":"0"}]}"#;

/// The private key of the example in RFC 8410, 10.3.
const ED25519_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

fn with(transport: &str) -> String {
    format!("extends = \"_http\"\n[source]\nid = \"test.one\"\n[transport]\n{transport}\n")
}

#[tokio::test]
async fn every_signer_is_verified_by_the_server_it_was_made_for() {
    let pem = |algorithm| KeyPair::generate_for(algorithm).unwrap().serialize_pem();
    let sm2 = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8".to_owned();
    let parts = r#"parts = ["method", "path", "app", "ts", "nonce", "body_hash"]"#;
    let headers = r#"headers = { app = "X-App", ts = "X-Ts", nonce = "X-Nonce", sign = "X-Sign" }"#;
    let token = r#"headers = { sign = "Authorization" }, prefix = "Bearer ""#;
    let recipes = [
        (format!("use = \"hmac_sha256\", {parts}, {headers}, encoding = \"base64\""), "k".to_owned()),
        (format!("use = \"hmac_sm3\", {parts}, {headers}, join = \"&\", encoding = \"hex_upper\""), "k".to_owned()),
        (
            format!("use = \"digest_concat\", digest = \"sha1\", parts = [\"app\", \"key\", \"ts\"], {headers}"),
            "k".to_owned(),
        ),
        (
            "use = \"digest_concat\", digest = \"md5\", parts = [\"literal:v1\", \"body\", \"key\"], headers = { sign = \"sign\" }"
                .to_owned(),
            "k".to_owned(),
        ),
        (format!("use = \"sm2_sm3\", {parts}, {headers}, form = \"der\", encoding = \"base64\""), sm2.clone()),
        (format!("use = \"sm2_sm3\", {parts}, {headers}, id = \"bureau@invented\""), sm2),
        (format!("use = \"jws\", alg = \"ES256\", {token}"), pem(&rcgen::PKCS_ECDSA_P256_SHA256)),
        (format!("use = \"jws\", alg = \"EdDSA\", {token}"), ED25519_KEY.to_owned()),
        (format!("use = \"jws\", alg = \"HS256\", {token}"), "a key of thirty-two bytes or more".to_owned()),
    ];
    for (recipe, key) in recipes {
        let app = if recipe.contains("md5") { "" } else { "app = \"secret:app\", " };
        let source = manifest(&with(&format!("signer = {{ {recipe}, {app}key = \"secret:key\" }}")));
        let signer = source.manifest.transport.signer().unwrap().clone();
        let servers_key = key.clone();
        let (endpoint, _) = serve_bytes(move |number, asked: &Asked| {
            let app = if signer.app.is_some() { "demo" } else { "" };
            let sent = Signed { method: "POST", path: "/q", app, ts: "", nonce: "", body: &asked.body };
            let good = sign::verify_request(&signer, servers_key.as_bytes(), &sent, |name| header(&asked.head, name));
            let longer = [asked.body.as_slice(), b" "].concat();
            let changed = Signed { body: &longer, ..sent };
            let covers_body = !signer.parts.iter().any(|p| matches!(p, hedui_connect::manifest::SignPart::Key))
                || signer.parts.contains(&hedui_connect::manifest::SignPart::Body);
            if covers_body {
                let of = |name: &str| header(&asked.head, name);
                assert!(!sign::verify_request(&signer, servers_key.as_bytes(), &changed, of), "another body");
            }
            assert_eq!(number, 1);
            if good { Told::ok(NOBODY) } else { Told { status: 403, ..Told::ok("") } }
        })
        .await;
        let subjects = [subject(&source, 1, ZHANG)];
        let context = context(&endpoint, "", &[("app", "demo"), ("key", &key)]);
        let raw = replied(source.ask(&context, &subjects, None).await);
        assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::NoRecord], "{recipe}");
    }
}

#[tokio::test]
async fn a_key_of_the_wrong_form_asks_nobody() {
    let headers = "headers = { sign = \"s\" }";
    let signer = format!("signer = {{ use = \"sm2_sm3\", key = \"secret:key\", parts = [\"body\"], {headers} }}");
    let cipher = "cipher = { use = \"aes_gcm\", key = \"secret:key\", request = \"body\" }".to_owned();
    for transport in [signer, cipher] {
        let source = manifest(&with(&transport));
        let subjects = [subject(&source, 1, ZHANG)];
        let context = context("http://127.0.0.1:1", "", &[("key", "not a key")]);
        let failure = failed(source.ask(&context, &subjects, None).await);
        assert_eq!((failure.cause, failure.outcome, failure.retry), (Cause::BadSecret, Outcome::Failed, false));
    }
}

#[test]
fn a_key_of_the_wrong_form_is_found_when_the_site_is_read() {
    let signer = "signer = { use = \"jws\", alg = \"ES256\", app = \"demo\", key = \"secret:sign\", headers = { sign = \"s\" } }";
    let cipher = "cipher = { use = \"sm4_gcm\", key = \"secret:seal\", request = \"body\" }";
    let templates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates");
    let mut folders = Registry::read_dir(&templates).unwrap();
    let files = vec![SourceText::new("test/connector.toml", with(&format!("{signer}\n{cipher}")))];
    folders.push(InstitutionFolder { name: "test".into(), files });
    let codes = |sign: &str, seal: &str| {
        let site = format!("[test]\nendpoint = \"https://x\"\n[test.secrets]\nsign = {sign:?}\nseal = {seal:?}\n");
        let site = Site::parse(&SourceText::new("site.toml", site)).unwrap();
        let loaded = Registry::load(&folders, &catalogue(), Some(&site));
        let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        assert!(!shown.join("").contains("not a key"), "a secret is never shown");
        loaded.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>()
    };
    let pem = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    assert_eq!(codes("not a key", "not a key"), ["connect::bad_secret", "connect::bad_secret"]);
    assert_eq!(codes(&pem, "0123"), ["connect::bad_secret"]);
    assert!(codes(&pem, KEY).is_empty());
}

const KEY: &str = "0123456789abcdeffedcba9876543210";

fn sealed(cipher: Cipher, text: &str) -> Vec<u8> {
    cipher::seal(cipher, &cipher.key(KEY).unwrap(), text.as_bytes()).unwrap()
}

fn opened(cipher: Cipher, bytes: &[u8]) -> String {
    String::from_utf8(cipher::open(cipher, &cipher.key(KEY).unwrap(), bytes).unwrap()).unwrap()
}

const ENCRYPTED: &str = r#"
[ask]
key = ["id_number", "name"]
[transport]
cipher = { use = "sm4_gcm", key = "secret:sm4", request = "$.data", response = "$.data" }
body = '{"appId":"demo","data":{"list":[{% for s in subjects %}{{ s.id_number | tojson }}{{ "," if not loop.last }}{% endfor %}]}}'
[outcome]
envelope = [{ when = '$.code == "0"', is = "ok" }, { when = '$.code == "1401"', is = "not_authorised" }]
item = "$.data.list[*]"
[[sample]]
title = "as it is stored: decrypted"
subjects = [{ id_number = "990000197001010018" }]
reply = '{"code":"0","data":{"list":[{"sfzh":"990000197001010018","zt":"0"}]}}'
expect = [{ outcome = "no_record" }]
"#;

fn encrypted() -> std::sync::Arc<hedui_connect::Source> {
    manifest(&format!("extends = \"_http\"\n[source]\nid = \"test.one\"\n{ENCRYPTED}"))
}

#[tokio::test]
async fn a_field_is_encrypted_both_ways_and_the_stored_reply_is_not() {
    let source = encrypted();
    let (endpoint, _) = serve_bytes(|_, asked| {
        let text = String::from_utf8(asked.body.clone()).unwrap();
        assert!(!text.contains("990000197001010018"), "nobody is named in the clear");
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let data = opened(Cipher::Sm4Gcm, &STANDARD.decode(document["data"].as_str().unwrap()).unwrap());
        assert_eq!(data, r#"{"list":["990000197001010018"]}"#);
        let reply = r#"{"list":[{"sfzh":"990000197001010018","zt":"0"}]}"#;
        Told::ok(format!(r#"{{"code":"0","data":"{}"}}"#, STANDARD.encode(sealed(Cipher::Sm4Gcm, reply))))
    })
    .await;
    let subjects = [subject(&source, 1, ZHANG)];
    let raw = replied(source.ask(&context(&endpoint, "", &[("sm4", KEY)]), &subjects, None).await);
    assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::NoRecord]);
    let stored = RawReply::from_bytes(&raw.to_bytes()).unwrap();
    assert_eq!(outcomes(&source, &subjects, &stored), [Outcome::NoRecord], "parsing needs no key");
}

#[tokio::test]
async fn damaged_or_missing_ciphertext_is_no_answer() {
    let source = encrypted();
    let subjects = [subject(&source, 1, ZHANG)];
    let ask = async |reply: String| {
        let (endpoint, _) = serve_bytes(move |_, _| Told::ok(reply.clone())).await;
        source.ask(&context(&endpoint, "", &[("sm4", KEY)]), &subjects, None).await
    };
    let answer = r#"{"list":[{"sfzh":"990000197001010018","zt":"0"}]}"#;
    let mut bytes = sealed(Cipher::Sm4Gcm, answer);
    *bytes.last_mut().unwrap() ^= 1;
    let changed = format!(r#"{{"code":"0","data":"{}"}}"#, STANDARD.encode(&bytes));
    let plain = format!(r#"{{"code":"0","data":{answer}}}"#);
    let nothing = r#"{"code":"0"}"#.to_owned();
    for (reply, what) in [(changed, "changed"), (plain, "not encrypted"), (nothing, "nothing encrypted")] {
        let failure = failed(ask(reply).await);
        assert_eq!((failure.cause, failure.outcome), (Cause::Cipher, Outcome::Failed), "{what}");
    }
    // A refusal comes in the clear, and is one.
    let raw = replied(ask(r#"{"code":"1401","data":null}"#.into()).await);
    assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::NotAuthorised]);
}

#[tokio::test]
async fn whole_bodies_are_encrypted_too_and_signed_as_they_are_sent() {
    for (word, cipher) in [("sm4_cbc", Cipher::Sm4Cbc), ("aes_gcm", Cipher::AesGcm)] {
        let source = manifest(&with(&format!(
            "cipher = {{ use = \"{word}\", key = \"secret:key\", request = \"body\", response = \"body\", encoding = \"hex\" }}\n\
             signer = {{ use = \"hmac_sm3\", key = \"secret:sign\", parts = [\"body\"], headers = {{ sign = \"s\" }} }}"
        )));
        let signer = source.manifest.transport.signer().unwrap().clone();
        let (endpoint, _) = serve_bytes(move |number, asked| {
            let sent = Signed { method: "POST", path: "/q", app: "", ts: "", nonce: "", body: &asked.body };
            assert!(sign::verify_request(&signer, b"k", &sent, |name| header(&asked.head, name)));
            assert_eq!(opened(cipher, &hex::decode(&asked.body).unwrap()), r#"{"list":["990000197001010018"]}"#);
            match number {
                1 => Told::ok(hex::encode(sealed(cipher, NOBODY))),
                2 => Told::ok(NOBODY),
                3 => Told::ok("zz"),
                _ => Told { status: 404, ..Told::ok("<html>no such page</html>") },
            }
        })
        .await;
        let subjects = [subject(&source, 1, ZHANG)];
        let context = context(&endpoint, "", &[("key", KEY), ("sign", "k")]);
        let raw = replied(source.ask(&context, &subjects, None).await);
        assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::NoRecord]);
        for cause in [Cause::Cipher, Cause::Cipher, Cause::Status(404)] {
            assert_eq!(failed(source.ask(&context, &subjects, None).await).cause, cause);
        }
    }
}

#[tokio::test]
async fn a_gateway_may_speak_gbk() {
    let transport = "encoding = \"gbk\"\nbody = '{\"list\":[{% for s in subjects %}{\"id\":{{ s.id_number | tojson }},\"xm\":{{ s.name | tojson }}}{{ \",\" if not loop.last }}{% endfor %}]}'";
    let source = manifest(&format!(
        "extends = \"_http\"\n[source]\nid = \"test.one\"\n[ask]\nkey = [\"id_number\", \"name\"]\n[transport]\n{transport}\n[[sample]]\ntitle = \"none\"\nsubjects = [{{ id_number = \"990000197001010018\", name = \"张三\" }}]\nreply = '{{\"code\":\"0\",\"list\":[{{\"sfzh\":\"990000197001010018\",\"zt\":\"0\"}}]}}'\nexpect = [{{ outcome = \"no_record\" }}]\n"
    ));
    let reply = |name: &str| {
        let text = format!(
            r#"{{"code":"0","list":[{{"sfzh":"990000197001010018","zt":"1","hphm":"苏L12345","hpzl":"{name}","djrq":"20190506","gcjg":"1.00","clzt":"A"}}]}}"#
        );
        encoding_rs::GB18030.encode(&text).0.into_owned()
    };
    let (endpoint, _) = serve_bytes(move |number, asked| {
        let (text, bad) = encoding_rs::GBK.decode_without_bom_handling(&asked.body);
        assert!(text.contains("张三") && !bad, "asked in the gateway's encoding");
        assert_eq!(header(&asked.head, "content-type"), Some("application/json; charset=gbk"));
        match number {
            1 => Told::ok(reply("大型")),
            2 => Told {
                headers: "Content-Type: application/json;charset=GB2312\r\n".into(),
                ..Told::ok(reply("大型"))
            },
            // UTF-8, as its header says.
            3 => Told { headers: "Content-Type: application/json; charset=UTF-8\r\n".into(), ..Told::ok(NOBODY) },
            _ => {
                let mut bytes = reply("大型");
                bytes.extend_from_slice(&[0xff, 0xff]);
                Told::ok(bytes)
            }
        }
    })
    .await;
    let context = context(&endpoint, "", &[]);
    let mut rare = subject(&source, 2, LI);
    rare.name = Some("李𠮷".into());
    let subjects = [subject(&source, 1, ZHANG), rare];
    let first = [Outcome::Found, Outcome::Unsendable];
    for expected in [first, first, [Outcome::NoRecord, Outcome::Unsendable], [Outcome::Failed, Outcome::Unsendable]] {
        let raw = replied(source.ask(&context, &subjects, None).await);
        let keys: Vec<_> = subjects.iter().map(hedui_connect::Subject::key).collect();
        let parsed = hedui_connect::parse(&source, &keys, &raw);
        assert_eq!(parsed.answers.iter().map(|a| a.outcome).collect::<Vec<_>>(), expected);
        if expected[0] == Outcome::Found {
            assert_eq!(parsed.answers[0].records.table.text("plate_no", 0), Some("苏L12345"));
        }
        if expected[0] == Outcome::Failed {
            assert_eq!(parsed.answers[0].detail.as_deref(), Some("encoding"));
        }
        let stored = RawReply::from_bytes(&raw.to_bytes()).unwrap();
        assert_eq!(hedui_connect::parse(&source, &keys, &stored), parsed, "a stored reply parses alike");
    }
}

#[tokio::test]
async fn a_source_is_asked_again_when_it_says_and_its_clock_is_noticed() {
    let limits = "[limits]\nretry = { on = [\"429\", \"5xx\"], times = 3, base = \"1ms\", cap = \"1s\" }\n";
    let source = manifest(&format!("extends = \"_http\"\n[source]\nid = \"test.one\"\n{limits}"));
    let (endpoint, _) = serve_bytes(|number, _| match number {
        1 => Told { status: 503, headers: "Retry-After: 0\r\n".into(), body: Vec::new() },
        2 => Told { headers: "Date: Tue, 30 Jun 2026 02:01:30 GMT\r\n".into(), ..Told::ok(NOBODY) },
        _ => Told { status: 429, headers: "Retry-After: 3600\r\n".into(), body: Vec::new() },
    })
    .await;
    let context = context(&endpoint, "", &[]);
    let subjects = [subject(&source, 1, ZHANG)];
    assert_eq!(context.observed("test"), Observed::default());
    let raw = replied(source.ask(&context, &subjects, None).await);
    assert_eq!(outcomes(&source, &subjects, &raw), [Outcome::NoRecord]);
    assert_eq!(context.observed("test"), Observed { certificate_until: None, clock_skew_ms: Some(90_000) });

    // Longer than one call may wait: not tried again now, and whoever plans learns when.
    let failure = failed(source.ask(&context, &subjects, None).await);
    assert_eq!((failure.cause, failure.retry), (Cause::Status(429), true));
    assert_eq!(failure.after, Some(std::time::Duration::from_secs(3600)));
    assert_eq!(context.observed("test").clock_skew_ms, Some(90_000), "what is not seen stays");
}
