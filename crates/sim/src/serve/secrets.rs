//! Secrets of invented institutions, in the forms that recipes take. The same for the same city, so that a restart changes
//! none; private keys that cannot be made from a seed are kept beside the city.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hedui_connect::Source;
use hedui_connect::manifest::{Given, JwsAlgorithm, LoginProof, SignAlgorithm, Transport};

use super::sftp::client_key;
use super::{ServeError, files};
use crate::dice::Dice;

/// The form of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// 32 hex digits: a password, a shared key, a cipher's 16 bytes.
    Text,
    /// 64 hex digits: an SM2 private key.
    Sm2,
    /// A private key as PKCS#8 PEM.
    Pem(JwsAlgorithm),
    /// A private key as OpenSSH writes it.
    OpenSsh,
}

/// All secrets that an institution's sources name.
pub(super) fn all(
    institution: &str,
    sources: &[std::sync::Arc<Source>],
    seed: u64,
    folder: &Path,
) -> Result<BTreeMap<String, String>, ServeError> {
    let mut forms: BTreeMap<&str, Form> = BTreeMap::new();
    for source in sources {
        let transport = &source.manifest.transport;
        for given in transport.secrets() {
            if let Given::Secret(name) = given {
                forms.entry(name).or_insert(Form::Text);
            }
        }
        if let Some(signer) = transport.signer()
            && let Given::Secret(name) = &signer.key
        {
            match &signer.algorithm {
                SignAlgorithm::Sm2 { .. } => forms.insert(name, Form::Sm2),
                SignAlgorithm::Jws(algorithm) if *algorithm != JwsAlgorithm::Hs256 => {
                    forms.insert(name, Form::Pem(*algorithm))
                }
                _ => None,
            };
        }
    }
    for source in sources {
        let login = match &source.manifest.transport {
            Transport::Files(plan) => plan.login.as_ref(),
            Transport::Drop(plan) => plan.login.as_ref(),
            _ => None,
        };
        if let Some(LoginProof::Key { key: Given::Secret(name), .. }) = login.map(|l| &l.proof) {
            forms.insert(name, Form::OpenSsh);
        }
    }
    let secret = |(name, form): (&str, Form)| {
        let mut dice = Dice::new(seed, &format!("secret {institution} {name}"), 0);
        let text = match form {
            Form::Text => hex(&mut dice, 2),
            Form::Sm2 => hex(&mut dice, 4),
            Form::OpenSsh => client_key(files::seed(seed, &format!("secret {institution} {name}"))).unwrap_or_default(),
            Form::Pem(JwsAlgorithm::EdDsa) => ed25519(&mut dice),
            Form::Pem(algorithm) => pem(algorithm, &folder.join(format!("{institution}.{name}.pem")))
                .map_err(|source| ServeError::Tls { institution: institution.to_owned(), source })?,
        };
        Ok((name.to_owned(), text))
    };
    forms.into_iter().map(secret).collect()
}

fn hex(dice: &mut Dice, words: usize) -> String {
    (0..words).map(|_| format!("{:016x}", dice.next())).collect()
}

/// An Ed25519 key in the first version of PKCS#8, which every reader knows.
fn ed25519(dice: &mut Dice) -> String {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    (0..4).for_each(|_| der.extend(dice.next().to_le_bytes()));
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

/// A private key that is kept in a file, made if it is not there.
fn pem(algorithm: JwsAlgorithm, file: &Path) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    if let Ok(kept) = std::fs::read_to_string(file) {
        return Ok(kept);
    }
    let kind = match algorithm {
        JwsAlgorithm::Rs256 => &rcgen::PKCS_RSA_SHA256,
        _ => &rcgen::PKCS_ECDSA_P256_SHA256,
    };
    let made = rcgen::KeyPair::generate_for(kind)?.serialize_pem();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, &made)?;
    Ok(made)
}
