//! Typed data (EIP-712): the hash that is signed.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, I256, U256, keccak256};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::params::{FromParam, HexValue, from_json};

/// Nesting of structures and arrays in a message.
const DEPTH_MAX: usize = 32;

/// A field of a structure type.
#[derive(Clone, Debug, Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Typed data as `eth_signTypedData_v4` takes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypedData {
    types: BTreeMap<String, Vec<Field>>,
    primary_type: String,
    domain: Value,
    message: Value,
}

/// An object, or a string that holds one.
impl FromParam for TypedData {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        if raw.get().starts_with('"') {
            let text: String = from_json(raw)?;
            return serde_json::from_str(&text).map_err(|error| error.to_string());
        }
        from_json(raw)
    }
}

impl TypedData {
    /// keccak256 of `0x19 0x01 ‖ domain separator ‖ hash of the message`.
    ///
    /// # Errors
    /// A type is unknown or a value does not fit its type.
    pub(crate) fn signing_hash(&self) -> Result<B256, String> {
        let mut out = vec![0x19, 0x01];
        let domain = match self.types.contains_key("EIP712Domain") {
            true => self.hash_struct("EIP712Domain", &self.domain, 0)?,
            false => self.hash_default_domain()?,
        };
        out.extend_from_slice(domain.as_slice());
        if self.primary_type != "EIP712Domain" {
            let message = self.hash_struct(&self.primary_type, &self.message, 0)?;
            out.extend_from_slice(message.as_slice());
        }
        Ok(keccak256(out))
    }

    /// Clients may leave the domain's type out: then it has the members that are there.
    fn hash_default_domain(&self) -> Result<B256, String> {
        let members = [
            ("name", "string"),
            ("version", "string"),
            ("chainId", "uint256"),
            ("verifyingContract", "address"),
            ("salt", "bytes32"),
        ];
        let fields = members
            .iter()
            .filter(|(name, _)| self.domain.get(name).is_some_and(|value| !value.is_null()))
            .map(|(name, kind)| Field { name: (*name).into(), kind: (*kind).into() })
            .collect();
        let types = BTreeMap::from([("EIP712Domain".to_owned(), fields)]);
        let primary_type = "EIP712Domain".to_owned();
        let domain = TypedData { types, primary_type, domain: Value::Null, message: Value::Null };
        domain.hash_struct("EIP712Domain", &self.domain, 0)
    }

    fn hash_struct(&self, name: &str, value: &Value, depth: usize) -> Result<B256, String> {
        if depth > DEPTH_MAX {
            return Err("typed data nests too deeply".into());
        }
        let object = value.as_object().ok_or_else(|| format!("{name}: expected an object"))?;
        let mut out = keccak256(self.encode_type(name)?).to_vec();
        for field in self.fields(name)? {
            let value = object.get(&field.name).unwrap_or(&Value::Null);
            let word = self
                .encode_value(&field.kind, value, depth + 1)
                .map_err(|error| format!("{name}.{}: {error}", field.name))?;
            out.extend_from_slice(word.as_slice());
        }
        Ok(keccak256(out))
    }

    fn fields(&self, name: &str) -> Result<&[Field], String> {
        self.types.get(name).map(Vec::as_slice).ok_or_else(|| format!("unknown type {name:?}"))
    }

    /// The type with all types it refers to, those sorted by name.
    fn encode_type(&self, name: &str) -> Result<String, String> {
        let mut referred = self.collect_types(name);
        referred.remove(name);
        let mut out = String::new();
        for part in std::iter::once(name).chain(referred) {
            let fields: Vec<String> = self
                .fields(part)?
                .iter()
                .map(|field| format!("{} {}", field.kind, field.name))
                .collect();
            out.push_str(&format!("{part}({})", fields.join(",")));
        }
        Ok(out)
    }

    /// All structure types that `name` refers to, itself included.
    fn collect_types<'a>(&'a self, name: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            let base = name.split('[').next().unwrap_or(name);
            if let Some((name, fields)) = self.types.get_key_value(base)
                && found.insert(name.as_str())
            {
                open.extend(fields.iter().map(|field| field.kind.as_str()));
            }
        }
        found
    }

    fn encode_value(&self, kind: &str, value: &Value, depth: usize) -> Result<B256, String> {
        if depth > DEPTH_MAX {
            return Err("typed data nests too deeply".into());
        }
        if let Some((item, length)) = array_type(kind) {
            let items = value.as_array().ok_or("expected an array")?;
            if length.is_some_and(|length| length != items.len()) {
                return Err(format!("expected {} items", length.unwrap_or_default()));
            }
            let mut out = Vec::with_capacity(items.len() * 32);
            for value in items {
                out.extend_from_slice(self.encode_value(item, value, depth + 1)?.as_slice());
            }
            return Ok(keccak256(out));
        }
        if self.types.contains_key(kind) {
            // A structure that is left out is all zero.
            return match value {
                Value::Null => Ok(B256::ZERO),
                value => self.hash_struct(kind, value, depth),
            };
        }
        encode_atom(kind, value)
    }
}

/// Item type and fixed length of an array type.
fn array_type(kind: &str) -> Option<(&str, Option<usize>)> {
    let (item, length) = kind.strip_suffix(']')?.rsplit_once('[')?;
    match length {
        "" => Some((item, None)),
        length => Some((item, Some(length.parse().ok()?))),
    }
}

fn encode_atom(kind: &str, value: &Value) -> Result<B256, String> {
    match kind {
        "string" => value.as_str().map(keccak256).ok_or_else(|| "expected a string".into()),
        "bytes" => Ok(keccak256(bytes(value)?)),
        "bool" => match value {
            Value::Bool(value) => Ok(U256::from(*value).into()),
            _ => Err("expected a boolean".into()),
        },
        "address" => {
            let text = value.as_str().ok_or("expected an address")?;
            Ok(Address::from_hex(text)?.into_word())
        }
        _ => encode_sized(kind, value),
    }
}

fn encode_sized(kind: &str, value: &Value) -> Result<B256, String> {
    let bits = |digits: &str| -> Result<usize, String> {
        let bits = if digits.is_empty() { 256 } else { digits.parse().unwrap_or(0) };
        let valid = bits > 0 && bits <= 256 && bits % 8 == 0;
        valid.then_some(bits).ok_or_else(|| format!("unknown type {kind:?}"))
    };
    if let Some(digits) = kind.strip_prefix("uint") {
        let number = unsigned(value)?;
        return match number.bit_len() <= bits(digits)? {
            true => Ok(number.into()),
            false => Err(format!("does not fit {kind}")),
        };
    }
    if let Some(digits) = kind.strip_prefix("int") {
        let number = signed(value)?;
        let magnitude = if number.is_negative() { !number } else { number };
        return match magnitude.into_raw().bit_len() < bits(digits)? {
            true => Ok(number.into_raw().into()),
            false => Err(format!("does not fit {kind}")),
        };
    }
    if let Some(length) = kind.strip_prefix("bytes").and_then(|length| length.parse::<usize>().ok())
    {
        let bytes = bytes(value)?;
        return match bytes.len() == length && length <= 32 {
            true => Ok(B256::right_padding_from(&bytes)),
            false => Err(format!("does not fit {kind}")),
        };
    }
    Err(format!("unknown type {kind:?}"))
}

fn bytes(value: &Value) -> Result<Bytes, String> {
    Bytes::from_hex(value.as_str().ok_or("expected hex")?)
}

/// A JSON number, a decimal string or hex.
fn unsigned(value: &Value) -> Result<U256, String> {
    let loose: crate::params::LooseNumber =
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    Ok(loose.0)
}

fn signed(value: &Value) -> Result<I256, String> {
    if let Some(number) = value.as_i64() {
        return I256::try_from(number).map_err(|error| error.to_string());
    }
    let text = value.as_str().ok_or("expected a number")?;
    match text.strip_prefix('-') {
        Some(digits) => {
            let magnitude = unsigned(&Value::String(digits.to_owned()))?;
            I256::checked_from_sign_and_abs(alloy_primitives::Sign::Negative, magnitude)
                .ok_or_else(|| "number < -2^255".into())
        }
        None => I256::try_from(unsigned(value)?).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::b256;

    /// The example of EIP-712 with the hash that the EIP states.
    #[test]
    fn mail() {
        let data: TypedData = serde_json::from_value(serde_json::json!({
            "types": {
                "EIP712Domain": [
                    { "name": "name", "type": "string" },
                    { "name": "version", "type": "string" },
                    { "name": "chainId", "type": "uint256" },
                    { "name": "verifyingContract", "type": "address" },
                ],
                "Person": [
                    { "name": "name", "type": "string" },
                    { "name": "wallet", "type": "address" },
                ],
                "Mail": [
                    { "name": "from", "type": "Person" },
                    { "name": "to", "type": "Person" },
                    { "name": "contents", "type": "string" },
                ],
            },
            "primaryType": "Mail",
            "domain": {
                "name": "Ether Mail", "version": "1", "chainId": 1,
                "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
            },
            "message": {
                "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
                "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
                "contents": "Hello, Bob!",
            },
        }))
        .unwrap();
        let expected = b256!("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
        assert_eq!(data.signing_hash().unwrap(), expected);
    }

    #[test]
    fn numbers_must_fit() {
        let word = |kind, value: Value| encode_atom(kind, &value);
        assert!(word("uint8", 255.into()).is_ok());
        assert!(word("uint8", 256.into()).is_err());
        assert!(word("int8", (-128).into()).is_ok());
        assert!(word("int8", (-129).into()).is_err());
        assert!(word("int8", 128.into()).is_err());
        assert_eq!(word("int256", "-1".into()).unwrap(), B256::repeat_byte(0xff));
        assert!(word("uint7", 1.into()).is_err());
        assert!(word("bytes4", "0x01020304".into()).is_ok());
        assert!(word("bytes4", "0x010203".into()).is_err());
    }
}
