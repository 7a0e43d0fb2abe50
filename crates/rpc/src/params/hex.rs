//! Hex as geth's `hexutil` reads it: prefix required, quantities without leading zeros.

use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// A value written as a JSON string of hex digits.
pub trait HexValue: Sized {
    /// What it is called in messages.
    const NAME: &'static str;

    /// Reads it from `text`, prefix included.
    ///
    /// # Errors
    /// What is wrong, in the words of geth's `hexutil`.
    fn from_hex(text: &str) -> Result<Self, String>;
}

/// Reads the JSON text of a hex string.
pub(crate) fn from_raw<T: HexValue>(raw: &RawValue) -> Result<T, String> {
    let text = raw.get();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let result = match inner {
        None => Err("non-string".to_owned()),
        Some(inner) if !inner.contains('\\') => T::from_hex(inner),
        // Hex written with JSON escapes is legal and rare.
        Some(_) => match serde_json::from_str::<String>(text) {
            Ok(unescaped) => T::from_hex(&unescaped),
            Err(_) => Err("invalid string".to_owned()),
        },
    };
    result.map_err(|message| format!("cannot unmarshal {message} into value of type {}", T::NAME))
}

fn digits(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        return Err("empty hex string".into());
    }
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or_else(|| "hex string without 0x prefix".into())
}

fn quantity_digits(text: &str) -> Result<&str, String> {
    let digits = digits(text)?;
    match digits.as_bytes() {
        [] => Err("hex string \"0x\"".into()),
        [b'0', _, ..] => Err("hex number with leading zero digits".into()),
        bytes if bytes.iter().all(u8::is_ascii_hexdigit) => Ok(digits),
        _ => Err("invalid hex string".into()),
    }
}

fn fixed<const N: usize>(text: &str, name: &str) -> Result<FixedBytes<N>, String> {
    let digits = digits(text)?;
    if digits.len() != 2 * N {
        return Err(if digits.len() % 2 == 1 {
            "hex string of odd length".into()
        } else {
            format!("hex string has length {}, want {} for {name}", digits.len(), 2 * N)
        });
    }
    let mut out = FixedBytes::<N>::ZERO;
    alloy_primitives::hex::decode_to_slice(digits, out.as_mut_slice())
        .map_err(|_| "invalid hex string".to_owned())?;
    Ok(out)
}

impl HexValue for Address {
    const NAME: &'static str = "address";

    fn from_hex(text: &str) -> Result<Self, String> {
        fixed::<20>(text, Self::NAME).map(Self)
    }
}

impl HexValue for B256 {
    const NAME: &'static str = "hash";

    fn from_hex(text: &str) -> Result<Self, String> {
        fixed::<32>(text, Self::NAME)
    }
}

impl HexValue for Bytes {
    const NAME: &'static str = "bytes";

    fn from_hex(text: &str) -> Result<Self, String> {
        let digits = digits(text)?;
        if digits.len() % 2 == 1 {
            return Err("hex string of odd length".into());
        }
        // `hex::decode` would accept a second prefix.
        if digits.as_bytes().get(1).is_some_and(|byte| !byte.is_ascii_hexdigit()) {
            return Err("invalid hex string".into());
        }
        alloy_primitives::hex::decode(digits)
            .map(Self::from)
            .map_err(|_| "invalid hex string".into())
    }
}

impl HexValue for U256 {
    const NAME: &'static str = "256-bit quantity";

    fn from_hex(text: &str) -> Result<Self, String> {
        let digits = quantity_digits(text)?;
        if digits.len() > 64 {
            return Err("hex number > 256 bits".into());
        }
        Self::from_str_radix(digits, 16).map_err(|_| "invalid hex string".into())
    }
}

impl HexValue for u64 {
    const NAME: &'static str = "64-bit quantity";

    fn from_hex(text: &str) -> Result<Self, String> {
        let digits = quantity_digits(text)?;
        Self::from_str_radix(digits, 16).map_err(|_| "hex number > 64 bits".into())
    }
}

impl HexValue for u128 {
    const NAME: &'static str = "128-bit quantity";

    fn from_hex(text: &str) -> Result<Self, String> {
        let digits = quantity_digits(text)?;
        Self::from_str_radix(digits, 16).map_err(|_| "hex number > 128 bits".into())
    }
}

/// A field of a parameter structure, read strictly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Strict<T>(pub T);

impl<'de, T: HexValue> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(core::marker::PhantomData<T>);
        impl<T: HexValue> de::Visitor<'_> for Visitor<T> {
            type Value = Strict<T>;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "a hex string for {}", T::NAME)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::from_hex(text).map(Strict).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor(core::marker::PhantomData))
    }
}

/// A number as development tools write it: a JSON number, a decimal string or hex, leading
/// zeros allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LooseNumber(pub U256);

impl LooseNumber {
    /// The number, if it fits.
    pub fn to_u64(self) -> Option<u64> {
        self.0.try_into().ok()
    }
}

impl<'de> Deserialize<'de> for LooseNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = LooseNumber;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a number or a string of one")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<LooseNumber, E> {
                Ok(LooseNumber(U256::from(number)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<LooseNumber, E> {
                let (digits, radix) = match text.strip_prefix("0x") {
                    Some("") => ("0", 16),
                    Some(digits) => (digits, 16),
                    None => (text, 10),
                };
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(E::custom("not a number"));
                }
                let significant = digits.trim_start_matches('0');
                if significant.is_empty() {
                    return Ok(LooseNumber(U256::ZERO));
                }
                if significant.len() > 78 {
                    return Err(E::custom("number > 256 bits"));
                }
                U256::from_str_radix(significant, radix)
                    .map(LooseNumber)
                    .map_err(|_| E::custom("not a number of at most 256 bits"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read<T: HexValue>(text: &str) -> Result<T, String> {
        let json = serde_json::to_string(text).unwrap();
        from_raw(&RawValue::from_string(json).unwrap())
    }

    #[test]
    fn quantities_are_strict() {
        assert_eq!(read::<u64>("0x0"), Ok(0));
        assert_eq!(read::<u64>("0xFf"), Ok(255));
        for bad in ["", "0", "ff", "0x", "0x00", "0x01", "0xg", "0x-1", "0x+1", "0x 1", "1e3"] {
            assert!(read::<u64>(bad).is_err(), "{bad:?}");
            assert!(read::<U256>(bad).is_err(), "{bad:?}");
        }
        assert!(read::<u64>("0x10000000000000000").is_err());
        assert_eq!(read::<U256>(&format!("0x{}", "f".repeat(64))), Ok(U256::MAX));
        assert!(read::<U256>(&format!("0x1{}", "0".repeat(64))).is_err());
    }

    #[test]
    fn fixed_lengths_are_exact() {
        assert!(read::<Address>(&format!("0x{}", "ab".repeat(20))).is_ok());
        for length in [0, 19, 21, 32] {
            assert!(read::<Address>(&format!("0x{}", "ab".repeat(length))).is_err());
        }
        assert!(read::<Address>(&"ab".repeat(20)).is_err());
        assert!(read::<Address>(&format!("0x0x{}", "ab".repeat(19))).is_err());
        assert!(read::<B256>(&format!("0x{}", "ab".repeat(32))).is_ok());
        assert!(read::<B256>(&format!("0x{}g", "a".repeat(63))).is_err());
    }

    #[test]
    fn bytes_are_whole() {
        assert_eq!(read::<Bytes>("0x"), Ok(Bytes::new()));
        assert_eq!(read::<Bytes>("0x0102"), Ok(Bytes::from_static(&[1, 2])));
        for bad in ["", "0102", "0x1", "0x0x01", "0xzz", "0x010"] {
            assert!(read::<Bytes>(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn escapes_are_json() {
        let raw = RawValue::from_string(r#""0\u0078ff""#.replace("\\\\", "\\")).unwrap();
        assert_eq!(from_raw::<u64>(&raw), Ok(255));
    }

    #[test]
    fn loose_numbers() {
        let read = |text: &str| serde_json::from_str::<LooseNumber>(text).map(|number| number.0);
        let fifteen = U256::from(15);
        for text in ["15", "\"15\"", "\"0xf\"", "\"0x0f\"", "\"0x00000f\""] {
            assert_eq!(read(text).unwrap(), fifteen, "{text}");
        }
        assert_eq!(read("\"0x\"").unwrap(), U256::ZERO);
        for bad in ["-1", "1.5", "\"\"", "\"f\"", "\"0xg\"", "[]", "null", "true"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("\"0x1{}\"", "0".repeat(64))).is_err());
        assert!(read(&format!("\"{}\"", "9".repeat(78))).is_err());
    }
}
