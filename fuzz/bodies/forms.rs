//! Sheets and files in forms that a manifest can declare and that no built-in one does.

use hedui_base::SourceText;
use hedui_connect::grid::{self, GridFormat, Layout, Written};
use hedui_connect::manifest::{Archive, Given, Pack, Transport};
use hedui_connect::{InstitutionFolder, InstitutionSite, Secret, Source, pack};

const TEMPLATE: &str = include_str!("../../crates/connect/tests/bad/templates/_drop/connector.toml");

/// A workbook of 97 with merged names, as a real program wrote it.
const MERGED: &[u8] = include_bytes!("../../crates/connect/tests/files/merged.xls");

/// What stands in `[transport]` instead of the template's, and the format of the month.
const FORMS: [(&str, &str); 7] = [
    (
        "format = \"auto\"\nalias = { \"用户 编号\" = \"户号\" }\nskip = [{ column = \"地址\", contains = \"小计\" }]\nuntil = \"备注\"",
        "%Y%m",
    ),
    ("format = \"xls\"\nheader_rows = 2", "%Y%m"),
    ("format = \"html\"\nencoding = \"gbk\"", "%Y%m"),
    ("format = \"xlsx\"\nheader_rows = 2\nmonths = { columns = \"%Y年%m月\", month = \"年月\" }", "cn"),
    ("format = \"csv\"\nencoding = \"gb18030\"\ndelimiter = \"|\"\nquote = \"'\"", "%Y%m"),
    ("format = \"csv\"\nencoding = \"utf-16le\"", "%Y%m"),
    ("format = \"csv\"\nheader_rows = 2\nmonths = { columns = \"%Y年%m月\", month = \"年月\" }", "cn"),
];

/// One institution whose sources differ in the form of their files alone.
pub fn folders() -> [InstitutionFolder; 2] {
    let manifest = |(number, (form, month)): (usize, &(&str, &str))| {
        let text = format!(
            "extends = \"_drop\"\n[source]\nid = \"forms.{number}\"\n[transport]\nfile = \"水费_{{yyyymm}}.x\"\n{form}\n\
             [map.utility_use]\nmonth = {{ from = \"年月\", to = \"month\", format = \"{month}\" }}\n\
             [[sample]]\ntitle = \"none\"\nsubjects = []\nexpect = []\nsheets = {{}}\n"
        );
        SourceText::new(format!("forms/connector.{number}.toml"), text)
    };
    [
        InstitutionFolder { name: "_drop".into(), files: vec![SourceText::new("_drop/connector.toml", TEMPLATE)] },
        InstitutionFolder { name: "forms".into(), files: FORMS.iter().enumerate().map(manifest).collect() },
    ]
}

/// Files to begin with, in the form that a source declares.
pub fn seeds(source: &Source) -> Vec<Vec<u8>> {
    let Transport::Drop(plan) = &source.manifest.transport else { return Vec::new() };
    let month = if plan.layout.months.is_some() { "2026年5月" } else { "202605" };
    let cells = |cells: [&str; 4]| cells.map(|text| Some(text.to_owned())).to_vec();
    let table = |mess| Written {
        columns: vec!["户号", "地址", "年月", "金额"],
        rows: vec![cells(["W1", "京口区某路1号", month, "38.75"]), cells(["W2", "某路2号", month, "-0.50"])],
        sum: Some("38.25".into()),
        mess,
        ..Written::default()
    };
    // There is no writer of workbooks of 97.
    let (formats, mut seeds) = match plan.layout.format {
        GridFormat::Auto => (vec![GridFormat::Xlsx, GridFormat::Html], vec![MERGED.to_vec()]),
        GridFormat::Xls => (Vec::new(), vec![MERGED.to_vec()]),
        format => (vec![format], Vec::new()),
    };
    for format in formats {
        let layout = Layout { format, ..plan.layout.clone() };
        seeds.extend([false, true].into_iter().filter_map(|mess| grid::write(&layout, &table(mess)).ok()));
    }
    seeds
}

/// Ways a file can be packed, and the site whose secrets open them.
pub fn packs() -> (Vec<Pack>, InstitutionSite) {
    let zip = |member: Option<&str>, password: Option<&str>| {
        let password = password.map(|name| Given::Secret(name.into()));
        Archive::Zip { member: member.map(str::to_owned), password }
    };
    let archives = [Archive::Gzip, zip(None, None), zip(Some("*.csv"), None), zip(None, Some("zip_password"))];
    let packs = archives.into_iter().map(|archive| Pack { archive: Some(archive), cipher: None }).collect();
    let secrets = [("zip_password".to_owned(), Secret::new("invented"))].into();
    (packs, InstitutionSite { secrets, ..InstitutionSite::default() })
}

/// Packed files to begin with; the first byte says how.
pub fn packed_seeds() -> Vec<Vec<u8>> {
    let (packs, site) = packs();
    let contents = ["序号|姓名\n1|张三\n".repeat(20), "0".repeat(5_000)];
    let packed = packs.iter().zip(0u8..).flat_map(|(how, pick)| {
        let site = &site;
        contents.iter().filter_map(move |content| {
            let packed = pack(how, "a.csv", content.as_bytes(), site).ok()?;
            Some([&[pick], packed.as_slice()].concat())
        })
    });
    packed.collect()
}
