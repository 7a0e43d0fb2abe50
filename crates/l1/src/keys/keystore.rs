//! Web3 secret storage, version 3.
//!
//! A key encrypted with AES-128-CTR under a key that scrypt or PBKDF2 derives from a password, and
//! a MAC over the result.

use aes::Aes128;
use alloy_primitives::{Bytes, keccak256};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::Hmac;
use serde::Deserialize;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::Signer;

/// Most memory (bytes) that scrypt may take: four times what wallets use. More would let a file
/// exhaust the machine.
const SCRYPT_MEMORY_MAX: u64 = 1 << 30;
/// Most iterations of PBKDF2: wallets use 262,144.
const ITERATIONS_MAX: u32 = 10_000_000;
/// Length of the derived key: 16 bytes for AES, 16 for the MAC.
const DERIVED_BYTES: usize = 32;

/// Why a keystore does not open.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// Not a keystore.
    #[error("not a keystore: {0}")]
    Format(String),
    /// A keystore of a kind that is not read.
    #[error("{what} {value:?} is not supported")]
    Unsupported {
        /// Which property.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// The MAC does not hold.
    #[error("wrong password, or a damaged file")]
    Password,
    /// It opens, and there is no private key in it.
    #[error("what it holds is no private key")]
    NoKey,
}

#[derive(Deserialize)]
struct Keystore {
    version: u64,
    #[serde(alias = "Crypto")]
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: Bytes,
    kdf: String,
    kdfparams: KdfParams,
    mac: Bytes,
}

#[derive(Deserialize)]
struct CipherParams {
    iv: Bytes,
}

/// Those of both functions; which ones must be there depends on the function.
#[derive(Deserialize)]
struct KdfParams {
    dklen: usize,
    salt: Bytes,
    n: Option<u64>,
    r: Option<u32>,
    p: Option<u32>,
    c: Option<u32>,
    prf: Option<String>,
}

/// Opens a keystore.
pub(super) fn open(json: &str, password: &[u8]) -> Result<Signer, KeystoreError> {
    let keystore: Keystore =
        serde_json::from_str(json).map_err(|error| KeystoreError::Format(error.to_string()))?;
    let unsupported = |what, value: &str| KeystoreError::Unsupported { what, value: value.into() };
    if keystore.version != 3 {
        return Err(unsupported("version", &keystore.version.to_string()));
    }
    let crypto = keystore.crypto;
    if crypto.cipher != "aes-128-ctr" {
        return Err(unsupported("cipher", &crypto.cipher));
    }
    let derived = derive(&crypto.kdf, &crypto.kdfparams, password)?;
    let mut authenticated = Zeroizing::new(derived[16..].to_vec());
    authenticated.extend_from_slice(&crypto.ciphertext);
    if keccak256(&*authenticated).as_slice() != &crypto.mac[..] {
        return Err(KeystoreError::Password);
    }
    let mut key = Zeroizing::new([0_u8; 32]);
    if crypto.ciphertext.len() != key.len() {
        return Err(KeystoreError::NoKey);
    }
    key.copy_from_slice(&crypto.ciphertext);
    let mut cipher = Ctr128BE::<Aes128>::new_from_slices(&derived[..16], &crypto.cipherparams.iv)
        .map_err(|error| KeystoreError::Format(format!("iv: {error}")))?;
    cipher.apply_keystream(key.as_mut_slice());
    Signer::from_bytes(&key).ok_or(KeystoreError::NoKey)
}

fn derive(
    kdf: &str,
    params: &KdfParams,
    password: &[u8],
) -> Result<Zeroizing<[u8; DERIVED_BYTES]>, KeystoreError> {
    let missing = |name: &str| KeystoreError::Format(format!("kdfparams: {name} is missing"));
    let excessive = |what, value: String| Err(KeystoreError::Unsupported { what, value });
    if params.dklen != DERIVED_BYTES {
        return excessive("dklen", params.dklen.to_string());
    }
    let mut derived = Zeroizing::new([0_u8; DERIVED_BYTES]);
    match kdf {
        "scrypt" => {
            let n = params.n.ok_or_else(|| missing("n"))?;
            let r = params.r.ok_or_else(|| missing("r"))?;
            let p = params.p.ok_or_else(|| missing("p"))?;
            let memory = n.saturating_mul(u64::from(r)).saturating_mul(128);
            if !n.is_power_of_two() || n < 2 || memory > SCRYPT_MEMORY_MAX || p > 16 {
                return excessive("scrypt parameters", format!("n={n} r={r} p={p}"));
            }
            let log_n = n.trailing_zeros() as u8;
            // RFC 7914 wants n below 2^(16 r); some old files do not keep to it.
            let Ok(cost) = scrypt::Params::new(log_n, r, p, DERIVED_BYTES) else {
                return excessive("scrypt parameters", format!("n={n} r={r} p={p}"));
            };
            scrypt::scrypt(password, &params.salt, &cost, derived.as_mut_slice())
                .map_err(|error| KeystoreError::Format(error.to_string()))?;
        }
        "pbkdf2" => {
            let prf = params.prf.as_deref().unwrap_or_default();
            if prf != "hmac-sha256" {
                return excessive("prf", prf.into());
            }
            let c = params.c.ok_or_else(|| missing("c"))?;
            if c == 0 || c > ITERATIONS_MAX {
                return excessive("c", c.to_string());
            }
            if pbkdf2::pbkdf2::<Hmac<Sha256>>(password, &params.salt, c, derived.as_mut_slice())
                .is_err()
            {
                derived.zeroize();
                return Err(KeystoreError::Format("pbkdf2 refuses the password".into()));
            }
        }
        other => return excessive("kdf", other.into()),
    }
    Ok(derived)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use alloy_primitives::address;

    use super::*;

    /// The test vector of the "Web3 secret storage definition": password "testpassword", key
    /// 7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d.
    const PBKDF2: &str = r#"{
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "6087dab2f9fdbbfaddc31a909735c1e6" },
            "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "kdf": "pbkdf2",
            "kdfparams": { "c": 262144, "dklen": 32, "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd" },
            "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3
    }"#;
    /// The same key, as cast 1.7.1 writes it.
    const SCRYPT: &str = r#"{
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "d4fe829db88ecd02abb8233441e2c00a" },
            "ciphertext": "ae3b30309947db9a3d4b152736933dd8e125420a461f2f7eba52d2024c7ba524",
            "kdf": "scrypt",
            "kdfparams": { "dklen": 32, "n": 8192, "p": 1, "r": 8,
                "salt": "40940136e9fec90632e8a81608df6174e12878410ccdbc746286a077e2606d5d" },
            "mac": "3d5eda653a2f8d376491b6422c4a986deff7f91fd40fa4e684731886f2019464"
        },
        "id": "b8b8b80f-60fe-4dd4-b01b-9643bff1f066",
        "version": 3
    }"#;

    #[test]
    fn files_of_others_open() {
        for vector in [PBKDF2, SCRYPT] {
            let signer = open(vector, b"testpassword").unwrap();
            let expected = address!("008aeeda4d805471df9b2a5b0f38a0c3bcba786b");
            assert_eq!(signer.address(), expected);
        }
    }

    #[test]
    fn a_wrong_password_and_a_changed_file_are_refused() {
        assert!(matches!(open(PBKDF2, b"testpassworD"), Err(KeystoreError::Password)));
        let changed = PBKDF2.replace("5318b4d5", "5318b4d4");
        assert!(matches!(open(&changed, b"testpassword"), Err(KeystoreError::Password)));
    }

    #[test]
    fn what_would_exhaust_the_machine_is_refused() {
        let cases = [
            SCRYPT.replace("\"n\": 8192", "\"n\": 1073741824"),
            SCRYPT.replace("\"n\": 8192", "\"n\": 8191"),
            SCRYPT.replace("\"n\": 8192", "\"n\": 0"),
            SCRYPT.replace("\"r\": 8", "\"r\": 4294967295"),
            SCRYPT.replace("\"p\": 1", "\"p\": 1000000"),
            SCRYPT.replace("\"r\": 8", "\"r\": 0"),
            // Against RFC 7914, which wants n below 2^(16 r).
            SCRYPT.replace("\"n\": 8192", "\"n\": 262144").replace("\"r\": 8", "\"r\": 1"),
            PBKDF2.replace("262144", "4294967295"),
            PBKDF2.replace("\"c\": 262144", "\"c\": 0"),
            PBKDF2.replace("\"dklen\": 32", "\"dklen\": 64"),
            PBKDF2.replace("hmac-sha256", "hmac-md5"),
            PBKDF2.replace("aes-128-ctr", "aes-128-cbc"),
            PBKDF2.replace("\"pbkdf2\"", "\"argon2\""),
            PBKDF2.replace("\"version\": 3", "\"version\": 1"),
        ];
        for case in cases {
            let error = open(&case, b"testpassword").unwrap_err();
            assert!(matches!(error, KeystoreError::Unsupported { .. }), "{error}: {case}");
        }
        for case in ["", "{}", "[]", &SCRYPT.replace("\"n\": 8192,", "")] {
            assert!(matches!(open(case, b""), Err(KeystoreError::Format(_))), "{case}");
        }
    }
}
