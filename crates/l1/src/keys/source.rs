//! Where a key is: a file, an environment variable, a keystore.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use super::{KeyError, Signer, keystore};

/// Most bytes of a key, password or keystore file. A keystore has some 500.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Where a private key is. As text: `file:PATH`, `env:NAME`, `keystore:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file with 64 hexadecimal digits that only its owner may read.
    File(PathBuf),
    /// An environment variable with 64 hexadecimal digits.
    Env(String),
    /// A web3 secret storage file (version 3), as geth, cast and most wallets write it.
    Keystore {
        /// The file.
        path: PathBuf,
        /// Where its password is.
        password: PasswordSource,
    },
}

/// Where a keystore's password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The first line of a file that only its owner may read.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// The environment variable of a keystore's password if nothing else is said.
const PASSWORD_VARIABLE: &str = "JOVAY_KEYSTORE_PASSWORD";

impl FromStr for KeySource {
    type Err = KeyError;

    /// `keystore:PATH` takes its password from the file `PATH.password` if there is one, else from
    /// the environment variable `JOVAY_KEYSTORE_PASSWORD`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("keystore", path)) if !path.is_empty() => {
                let beside = PathBuf::from(format!("{path}.password"));
                let password = match beside.exists() {
                    true => PasswordSource::File(beside),
                    false => PasswordSource::Env(PASSWORD_VARIABLE.into()),
                };
                Ok(Self::Keystore { path: path.into(), password })
            }
            // Somebody may have put the key itself here: it must not come back in an error.
            _ => Err(KeyError::Source(shown(text))),
        }
    }
}

/// The start of what was given: enough to find it, too little to be a key.
fn shown(text: &str) -> String {
    match text.char_indices().nth(12) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Keystore { path, .. } => write!(f, "keystore:{}", path.display()),
        }
    }
}

impl KeySource {
    /// Reads the key. A keystore takes a second or so: deriving its key is meant to be slow.
    ///
    /// # Errors
    /// See [`KeyError`]; none of them shows a key or a password.
    pub fn signer(&self) -> Result<Signer, KeyError> {
        match self {
            Self::File(path) => Signer::from_hex(&read_secret(path)?, &self.to_string()),
            Self::Env(name) => Signer::from_hex(&variable(name)?, &self.to_string()),
            Self::Keystore { path, password } => {
                let password = match password {
                    PasswordSource::File(file) => {
                        let text = read_secret(file)?;
                        let line = text.lines().next().unwrap_or_default();
                        Zeroizing::new(line.to_owned())
                    }
                    PasswordSource::Env(name) => variable(name)?,
                };
                let json = read(path)?;
                keystore::open(&json, password.as_bytes())
                    .map_err(|source| KeyError::Keystore { path: path.clone(), source })
            }
        }
    }
}

fn variable(name: &str) -> Result<Zeroizing<String>, KeyError> {
    std::env::var(name).map(Zeroizing::new).map_err(|_| KeyError::Variable(name.into()))
}

/// Reads a file that only its owner may read.
fn read_secret(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    check_permissions(path)?;
    read(path)
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let wrong = |source| KeyError::File { path: path.into(), source };
    let file = File::open(path).map_err(wrong)?;
    // The whole capacity at once: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 1));
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(wrong)?;
    match text.len() as u64 > FILE_BYTES_MAX {
        true => Err(KeyError::TooLarge { path: path.into(), limit: FILE_BYTES_MAX }),
        false => Ok(text),
    }
}

#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        path.metadata().map_err(|source| KeyError::File { path: path.into(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(KeyError::Permissions { path: path.into(), mode }),
    }
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use alloy_primitives::address;

    use super::*;

    /// The first account of the mnemonic that every development tool uses.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn file(mode: u32, text: &str) -> (tempfile::TempDir, KeySource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let source = format!("file:{}", path.display()).parse().unwrap();
        (folder, source)
    }

    #[test]
    fn a_file_of_the_owner_is_read() {
        for text in [KEY.to_owned(), format!("{}\n", &KEY[2..])] {
            let (_folder, source) = file(0o600, &text);
            let expected = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
            assert_eq!(source.signer().unwrap().address(), expected);
        }
    }

    #[test]
    fn a_file_that_others_read_is_refused() {
        for mode in [0o644, 0o640, 0o604, 0o602] {
            let (_folder, source) = file(mode, KEY);
            let error = source.signer().unwrap_err();
            assert!(matches!(error, KeyError::Permissions { .. }), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn no_error_shows_what_might_be_a_key() {
        let digits = &KEY[2..];
        let wrong = [
            "1".repeat(63),
            format!("{digits}00"),
            "0".repeat(64),
            // The order of the curve: the least number that is no key.
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".into(),
            format!("{}zz", &digits[2..]),
        ];
        for text in wrong {
            let (_folder, source) = file(0o600, &text);
            let error = source.signer().unwrap_err();
            assert!(matches!(error, KeyError::Malformed(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains(&text[8..24]), "{error}");
        }
        let error = KEY.parse::<KeySource>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&KEY[14..]), "{error}");
        let (_folder, source) = file(0o600, KEY);
        let signer = source.signer().unwrap();
        let shown = format!("{signer:?}").to_lowercase();
        assert!(shown.contains("f39fd6e5") && !shown.contains(&digits[..8]), "{shown}");
    }

    #[test]
    fn long_files_and_missing_variables_are_refused() {
        let (_folder, source) = file(0o600, &" ".repeat(FILE_BYTES_MAX as usize + 1));
        assert!(matches!(source.signer(), Err(KeyError::TooLarge { .. })));
        let source: KeySource = "env:JOVAY_TEST_NO_SUCH_KEY".parse().unwrap();
        assert!(matches!(source.signer(), Err(KeyError::Variable(_))));
        for text in ["", "file:", "env:", "vault:x", "keystore:"] {
            assert!(text.parse::<KeySource>().is_err(), "{text:?}");
        }
    }
}
