//! The plan of `file_exchange`.

use super::{Encoding, Given};
use crate::cipher::Cipher;
use crate::parse::grid::Layout;

/// Request and reply files on a machine that both sides reach.
#[derive(Clone, Debug)]
pub struct FilePlan {
    /// How the institution offers its files. The site's endpoint decides how they are reached here.
    pub via: Via,
    /// Who we are to its server; none for a folder.
    pub login: Option<Login>,
    /// What we put.
    pub put: PutPlan,
    /// What we get.
    pub get: GetPlan,
    /// The column that repeats the number of the request's row.
    pub match_column: String,
}

/// How files travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// SFTP; the server's key is pinned by the site.
    Sftp,
    /// FTP over TLS (explicit, passive); the certificate is pinned or signed by the site's CA.
    Ftps,
    /// A folder of this machine: a mounted front-end machine (前置机).
    Dir,
}

/// Who we are to a file server.
#[derive(Clone, Debug)]
pub struct Login {
    /// User.
    pub user: Given,
    /// What shows it.
    pub proof: LoginProof,
}

impl Login {
    /// Whether a key shows who we are.
    #[must_use]
    pub const fn is_by_key(&self) -> bool {
        matches!(self.proof, LoginProof::Key { .. })
    }

    /// Everything in it that may be a secret of the site.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Given> {
        let (proof, more) = match &self.proof {
            LoginProof::Password(password) => (password, None),
            LoginProof::Key { key, passphrase } => (key, passphrase.as_ref()),
        };
        [&self.user, proof].into_iter().chain(more)
    }
}

/// What a login shows.
#[derive(Clone, Debug)]
pub enum LoginProof {
    /// A password.
    Password(Given),
    /// An OpenSSH private key (PEM), which may itself be encrypted. SFTP only.
    Key {
        /// The key's text.
        key: Given,
        /// What opens it.
        passphrase: Option<Given>,
    },
}

/// The request file.
#[derive(Clone, Debug)]
pub struct PutPlan {
    /// Folder on the server.
    pub dir: String,
    /// Name with `{date}` (yyyymmdd) and `{batch}`.
    pub name: String,
    /// What its bytes are.
    pub format: PutFormat,
    /// Encoding of its text.
    pub encoding: Encoding,
    /// Between two cells of a line.
    pub delimiter: u8,
    /// Whether the first line names the columns.
    pub header: bool,
    /// Its columns, in order.
    pub columns: Vec<PutColumn>,
    /// Suffix while writing.
    pub temp: String,
    /// Suffix of the empty file that says "complete"; none if the institution wants no such file.
    pub marker: Option<String>,
    /// How the file is wrapped.
    pub pack: Pack,
}

/// What a request file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutFormat {
    /// Lines of cells with a delimiter between them, never quoted.
    Delimited,
    /// Lines of cells of a fixed number of bytes, filled up with blanks.
    Fixed,
    /// A workbook with one sheet, every cell a text.
    Xlsx,
}

/// One column of the request file.
#[derive(Clone, Debug)]
pub struct PutColumn {
    /// Its name in the header.
    pub name: String,
    /// What it holds.
    pub value: PutValue,
    /// Bytes in the file's encoding; 0 where columns are not of fixed width.
    pub width: usize,
    /// On which side a shorter value is filled up.
    pub align: Align,
}

/// Where a value stands in a column of fixed width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Blanks follow it.
    Left,
    /// Blanks go before it.
    Right,
}

/// What a column of the request file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutValue {
    /// Number of the row, from 1.
    Seq,
    /// Name.
    Name,
    /// Identity number: 18 characters, or the old 15 digits in the row that asks for them.
    IdNumber,
    /// The old 15 digits; empty for who never had them.
    Id15,
    /// First month asked for, in a format such as `%Y%m`.
    PeriodFrom(String),
    /// Last month asked for.
    PeriodUntil(String),
    /// Number of the letter that allows the question.
    Letter,
    /// What the letter was signed for, such as `dibao`.
    Purpose,
    /// Day of the request, in a format such as `%Y%m%d`.
    RequestDate(String),
    /// Always the same text.
    Const(String),
}

/// The reply file or files.
#[derive(Clone, Debug)]
pub struct GetPlan {
    /// Folder on the server.
    pub dir: String,
    /// Name with the request's `{batch}` and perhaps `{date}`. `*` and `?` stand for what cannot be foreseen; `{n}` and
    /// `{of}` for the number of a part and of all parts.
    pub name: String,
    /// How a file is known to be complete.
    pub complete: Complete,
    /// How its table is laid out, and what closes it.
    pub layout: Layout,
    /// How the file is wrapped.
    pub pack: Pack,
}

/// How a file of the institution's is known to be complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complete {
    /// An empty file with this suffix lies beside it.
    Marker(String),
    /// Its size and time have not changed for so long, over two looks at least.
    Stable(std::time::Duration),
}

/// How a file is wrapped.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    /// The archive.
    pub archive: Option<Archive>,
    /// What encrypts the file as a whole, archive and all: a random nonce in front, then the ciphertext.
    pub cipher: Option<FileCipher>,
}

/// A cipher over a whole file.
#[derive(Clone, Debug)]
pub struct FileCipher {
    /// Algorithm.
    pub cipher: Cipher,
    /// The key: a secret in hex.
    pub key: Given,
}

/// An archive with one file in it.
#[derive(Clone, Debug)]
pub enum Archive {
    /// gzip.
    Gzip,
    /// ZIP.
    Zip {
        /// Which member, with `*` and `?`; none means that there is only one.
        member: Option<String>,
        /// Opens an AES-encrypted member.
        password: Option<Given>,
    },
}

impl PutValue {
    /// Whether it says whom a row is about, or which row it is.
    #[must_use]
    pub const fn tells_who(&self) -> bool {
        matches!(self, Self::Seq | Self::Name | Self::IdNumber | Self::Id15)
    }
}

impl GetPlan {
    /// Whether a reply comes in numbered parts.
    #[must_use]
    pub fn in_parts(&self) -> bool {
        self.name.contains("{n}")
    }
}

impl FilePlan {
    /// Ciphers of whole files.
    pub(crate) fn ciphers(&self) -> impl Iterator<Item = &FileCipher> {
        [&self.put.pack, &self.get.pack].into_iter().filter_map(|pack| pack.cipher.as_ref())
    }

    /// Everything that may be a secret of the site.
    pub(crate) fn secrets(&self) -> Vec<&Given> {
        let mut all: Vec<&Given> = self.login.iter().flat_map(Login::secrets).collect();
        for pack in [&self.put.pack, &self.get.pack] {
            if let Some(Archive::Zip { password: Some(password), .. }) = &pack.archive {
                all.push(password);
            }
            all.extend(pack.cipher.as_ref().map(|c| &c.key));
        }
        all
    }
}
