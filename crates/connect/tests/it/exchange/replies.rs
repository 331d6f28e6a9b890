//! Replies: packed, in parts, delivered twice, without markers.

use hedui_base::Outcome::{Failed, Found, NoRecord, Partial};
use hedui_connect::grid::{self, Written};
use hedui_connect::manifest::Transport;
use hedui_connect::{Cause, Context, Poll, Source, Subject, Submission, pack};
use jiff::SignedDuration;

use super::servers::Machine;
use super::{Form, Hands, context, outcomes, parsed, password, pending, ready, reply_name};
use crate::support::{LI, ZHANG, subject};

const REPLY: &[u8] = b"xh,jg,zh\n1,0,A1\n2,1,\n#2\n";

/// A request that was handed in, over a folder.
struct Scene {
    machine: Machine,
    source: std::sync::Arc<Source>,
    context: Context,
    hands: Hands,
    subjects: Vec<Subject>,
    submission: Submission,
}

impl Scene {
    async fn of(via: &'static str, get: &'static str, ask: &'static str, secrets: &str) -> Self {
        let machine = Machine::new(via).await;
        let source = Form { via, get, ask, ..Form::default() }.source();
        let (context, hands) = context(&machine, &format!("{}\n{secrets}", password()));
        let subjects = vec![subject(&source, 1, ZHANG), subject(&source, 2, LI)];
        let submission = source.prepare(&context, &subjects, None).unwrap();
        source.submit(&context, &submission, &subjects).await.unwrap();
        Self { machine, source, context, hands, subjects, submission }
    }

    async fn with(get: &'static str) -> Self {
        Self::of("dir", get, "", "").await
    }

    async fn poll(&self) -> Poll {
        self.source.poll(&self.context, &self.submission).await
    }

    fn lay(&self, suffix: &str, bytes: &[u8]) {
        let name = reply_name(&self.submission, suffix);
        self.machine.lay(&name, bytes);
        self.machine.lay(&format!("{name}.ok"), b"");
    }

    async fn outcomes(&self) -> Vec<hedui_base::Outcome> {
        outcomes(&self.source, &self.subjects, &ready(self.poll().await))
    }

    fn packed(&self, secrets: &str, bytes: &[u8]) -> Vec<u8> {
        let Transport::Files(plan) = &self.source.manifest.transport else { panic!() };
        let text = format!("[x]\nendpoint = \"dir:/\"\n[x.secrets]\n{secrets}\n");
        let site = hedui_connect::Site::parse(&hedui_base::SourceText::new("site.toml", text)).unwrap();
        pack(&plan.get.pack, "reply.csv", bytes, &site.institutions["x"]).unwrap()
    }
}

#[tokio::test]
async fn packed_replies_are_opened() {
    let gz = Scene::with(r##"name = "RSP_{date}_{batch}.csv.gz", compress = "gz", trailer = "#{count}""##).await;
    gz.lay(".csv.gz", &gz.packed("", REPLY));
    assert_eq!(gz.outcomes().await, [Found, NoRecord]);

    let zip =
        Scene::with(r##"name = "RSP_{date}_{batch}.zip", compress = "zip", member = "*.csv", trailer = "#{count}""##);
    let zip = zip.await;
    zip.lay(".zip", &zip.packed("", REPLY));
    assert_eq!(zip.outcomes().await, [Found, NoRecord]);

    let get = r##"name = "RSP_{date}_{batch}.zip", compress = "zip", password = "secret:zip", trailer = "#{count}""##;
    let aes = Scene::of("dir", get, "", "zip = \"correct horse\"").await;
    let packed = aes.packed("zip = \"correct horse\"", REPLY);
    assert!(!packed.windows(4).any(|w| w == b"A1\n2"));
    aes.lay(".zip", &packed);
    assert_eq!(aes.outcomes().await, [Found, NoRecord]);

    for (get, key) in [
        (
            r##"name = "RSP_{batch}.sm4", cipher = { use = "sm4_gcm", key = "secret:key" }, trailer = "#{count}""##,
            "0123456789abcdeffedcba9876543210",
        ),
        (
            r##"name = "RSP_{batch}.aes", compress = "gz", cipher = { use = "aes_gcm", key = "secret:key" }, trailer = "#{count}""##,
            "0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210",
        ),
    ] {
        let secrets = format!("key = \"{key}\"");
        let sealed = Scene::of("dir", get, "", &secrets).await;
        let suffix = if get.contains("aes") { ".aes" } else { ".sm4" };
        let bytes = sealed.packed(&secrets, REPLY);
        let batch = sealed.submission.reference.split_once('_').unwrap().1;
        let name = format!("RSP_{batch}{suffix}");
        sealed.machine.lay(&name, &bytes);
        sealed.machine.lay(&format!("{name}.ok"), b"");
        assert_eq!(sealed.outcomes().await, [Found, NoRecord]);
        sealed.machine.lay(&name, &bytes[..bytes.len() - 1]);
        assert!(matches!(sealed.poll().await, Poll::Failed(failure) if failure.cause == Cause::Locked));
    }

    // Our password may be right tomorrow: the reply stays where it is, and nobody is told "no record" or "failed".
    let wrong = Scene::of("dir", get, "", "zip = \"battery staple\"").await;
    wrong.lay(".zip", &packed);
    match wrong.poll().await {
        Poll::Failed(failure) => assert_eq!((failure.cause, failure.retry), (Cause::Locked, true)),
        other => panic!("{other:?}"),
    }
    // A member that should be encrypted and is not, may come from anybody.
    let Transport::Files(plain) = &zip.source.manifest.transport else { panic!() };
    let open = pack(&plain.get.pack, "reply.csv", REPLY, &hedui_connect::InstitutionSite::default()).unwrap();
    aes.lay(".zip", &open);
    assert_eq!(aes.outcomes().await, [Failed, Failed]);
}

#[tokio::test]
async fn replies_are_tables_of_any_form() {
    let forms = [
        Form {
            get: r##"name = "RSP_{date}_{batch}.x", format = "xlsx", header = "xh", trailer = { find = "合计", count = "jg" }"##,
            sample: r#"[["xh","jg","zh"],["1","1",""],["合计","1",""]]"#,
            ..Form::default()
        },
        Form {
            get: r##"name = "RSP_{date}_{batch}.x", format = "fixed", encoding = "gbk", columns = [{ name = "xh", width = 4 }, { name = "jg", width = 2 }, { name = "zh", width = 6 }], trailer = "共{count}条""##,
            sample: "1   1       \n共1条",
            ..Form::default()
        },
        Form {
            get: r##"name = "RSP_{date}_{batch}.x", format = "txt", encoding = "utf-16le", delimiter = "|", trailer = "#{count}""##,
            sample: "xh|jg|zh\n1|1|\n#1",
            ..Form::default()
        },
    ];
    for form in forms {
        let machine = Machine::new("dir").await;
        let source = form.source();
        let (context, _) = context(&machine, "");
        let subjects = vec![subject(&source, 1, ZHANG), subject(&source, 2, LI)];
        let submission = source.prepare(&context, &subjects, None).unwrap();
        source.submit(&context, &submission, &subjects).await.unwrap();
        let Transport::Files(plan) = &source.manifest.transport else { panic!() };
        let cell = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut table = Written {
            columns: vec!["xh", "jg", "zh"],
            rows: [["1", "0", "A1"], ["2", "1", ""]].map(|row| row.map(cell).to_vec()).to_vec(),
            ..Written::default()
        };
        let name = reply_name(&submission, ".x");
        machine.lay(&name, &grid::write(&plan.get.layout, &table).unwrap());
        machine.lay(&format!("{name}.ok"), b"");
        let raw = ready(source.poll(&context, &submission).await);
        assert_eq!(outcomes(&source, &subjects, &raw), [Found, NoRecord], "{}", form.get);
        table.miscount = 1;
        machine.lay(&name, &grid::write(&plan.get.layout, &table).unwrap());
        let raw = ready(source.poll(&context, &submission).await);
        assert_eq!(outcomes(&source, &subjects, &raw), [Failed, Failed], "{}", form.get);
    }
}

/// An archive of stored members, as somebody hostile or careless would write it.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn archives_are_not_trusted() {
    let zip =
        Scene::with(r##"name = "RSP_{date}_{batch}.zip", compress = "zip", member = "*.csv", trailer = "#{count}""##);
    let zip = zip.await;
    // A name that climbs is a name; nothing is written anywhere.
    zip.lay(".zip", &archive(&[("../../out/evil.csv", REPLY), ("readme.txt", b"x")]));
    assert_eq!(zip.outcomes().await, [Found, NoRecord]);
    assert_eq!(zip.machine.names("out").len(), 2);
    let zeros = vec![b'0'; 80 * 1024 * 1024];
    let cases: [(&str, Vec<u8>); 6] = [
        ("two members that could be meant", archive(&[("a.csv", REPLY), ("b.csv", REPLY)])),
        ("none", archive(&[("a.txt", REPLY)])),
        ("no archive", REPLY.to_vec()),
        ("cut off", archive(&[("a.csv", REPLY)])[..60].to_vec()),
        ("a bomb", archive(&[("a.csv", &zeros)])),
        ("a smaller bomb", archive(&[("a.csv", &zeros[..4 * 1024 * 1024])])),
    ];
    for (what, bytes) in cases {
        zip.lay(".zip", &bytes);
        let raw = ready(zip.poll().await);
        assert_eq!(raw.parts[0].body, bytes, "{what}: kept as it came");
        let parsed = parsed(&zip.source, &zip.subjects, &raw);
        assert!(parsed.answers.iter().all(|a| a.outcome == Failed), "{what}");
        let reasons: Vec<_> = parsed.quarantine.iter().map(|q| q.reason.code()).collect();
        assert_eq!(reasons, ["encoding"], "{what}");
    }
    let gz = Scene::with(r##"name = "RSP_{date}_{batch}.csv.gz", compress = "gz", trailer = "#{count}""##).await;
    let packed = gz.packed("", REPLY);
    for (what, bytes) in [
        ("cut off", packed[..packed.len() - 4].to_vec()),
        ("a bomb", gz.packed("", &zeros)),
        ("no gzip", REPLY.to_vec()),
    ] {
        gz.lay(".csv.gz", &bytes);
        assert_eq!(gz.outcomes().await, [Failed, Failed], "{what}");
    }
}

#[tokio::test]
async fn a_reply_in_parts_is_there_when_all_of_it_is() {
    for via in ["sftp", "ftps", "dir"] {
        let get = r##"name = "RSP_{date}_{batch}_{n}of{of}.csv", trailer = "#{count}""##;
        let scene = Scene::of(via, get, "", "").await;
        assert!(pending(&scene.poll().await), "{via}: an empty folder");
        scene.lay("_2of2.csv", b"xh,jg,zh\n2,1,\n#1\n");
        assert!(pending(&scene.poll().await), "{via}");
        let first = reply_name(&scene.submission, "_1of2.csv");
        scene.machine.lay(&first, b"xh,jg,zh\n1,0,A1\n#1\n");
        assert!(pending(&scene.poll().await), "{via}: the first is not announced");
        scene.machine.lay(&format!("{first}.ok"), b"");
        let raw = ready(scene.poll().await);
        assert_eq!(raw.parts.len(), 2, "{via}");
        assert_eq!(outcomes(&scene.source, &scene.subjects, &raw), [Found, NoRecord], "{via}");
        // One damaged part, and nothing in the others counts.
        scene.machine.lay(&first, b"xh,jg,zh\n1,0,A1\n#2\n");
        assert_eq!(scene.outcomes().await, [Failed, Failed], "{via}");
    }
}

#[tokio::test]
async fn without_a_marker_a_file_must_have_come_to_rest() {
    for via in ["sftp", "ftps", "dir"] {
        let get = r##"name = "RSP_{date}_{batch}.csv", stable = "30s", trailer = "#{count}""##;
        let scene = Scene::of(via, get, "", "").await;
        let name = reply_name(&scene.submission, ".csv");
        scene.machine.lay(&name, &REPLY[..12]);
        assert!(pending(&scene.poll().await), "{via}: the first look");
        scene.hands.forward(SignedDuration::from_secs(40));
        scene.machine.lay(&name, REPLY);
        assert!(pending(&scene.poll().await), "{via}: it has grown");
        scene.hands.forward(SignedDuration::from_secs(29));
        assert!(pending(&scene.poll().await), "{via}: not long enough");
        scene.hands.forward(SignedDuration::from_secs(1));
        assert_eq!(scene.outcomes().await, [Found, NoRecord], "{via}");
    }
}

#[tokio::test]
async fn a_delivery_under_two_names_counts_once_and_a_later_one_replaces_it() {
    for via in ["sftp", "ftps", "dir"] {
        let scene = Scene::of(via, r##"name = "RSP_{date}_{batch}*.csv", trailer = "#{count}""##, "", "").await;
        scene.lay(".csv", REPLY);
        scene.lay("_bis.csv", REPLY);
        // Another request's.
        scene.machine.lay("RSP_20260630_000000000000.csv", REPLY);
        let raw = ready(scene.poll().await);
        assert_eq!((raw.parts.len(), parsed(&scene.source, &scene.subjects, &raw).stats.rows), (1, 2), "{via}");
        // Sent again with other content: the newest counts, and the older stays on file beside it.
        scene.lay("_v2.csv", b"xh,jg,zh\n1,1,\n2,0,B1\n#2\n");
        let file = std::fs::File::options()
            .write(true)
            .open(scene.machine.path(&format!("out/{}", reply_name(&scene.submission, "_v2.csv"))))
            .unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
        let raw = ready(scene.poll().await);
        assert_eq!(raw.parts.len(), 2, "{via}");
        assert_eq!(outcomes(&scene.source, &scene.subjects, &raw), [NoRecord, Found], "{via}");
    }
}

#[tokio::test]
async fn both_forms_of_a_number_must_be_answered_for_nothing_to_be_there() {
    let scene = Scene::of("dir", "", "variants = [\"id18\", \"id15\"]", "").await;
    assert_eq!(
        scene.submission.sent.iter().map(|(seq, ask)| (*seq, ask.0)).collect::<Vec<_>>(),
        [(1, 1), (2, 1), (3, 2), (4, 2)]
    );
    for (reply, expected) in [
        (&b"xh,jg,zh\n1,1,\n2,1,\n3,1,\n4,1,\n#4\n"[..], [NoRecord, NoRecord]),
        // The old number has a record: that is no contradiction.
        (b"xh,jg,zh\n1,1,\n2,0,A1\n3,0,B1\n4,0,B2\n#4\n", [Found, Found]),
        // One form was not answered: what was found is not all, and "nothing" is not proved.
        (b"xh,jg,zh\n1,0,A1\n3,1,\n#2\n", [Partial, Failed]),
        // The same form is and is not on record.
        (b"xh,jg,zh\n1,0,A1\n1,1,\n2,1,\n3,1,\n4,0,B1\n#5\n", [Failed, Found]),
    ] {
        scene.lay(".csv", reply);
        assert_eq!(scene.outcomes().await, expected, "{}", String::from_utf8_lossy(reply));
    }
}
