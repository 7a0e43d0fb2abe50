//! Block parameters: number, tag, hash, or an EIP-1898 object.

use alloy_primitives::B256;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{FromParam, HexValue, Strict, hex};

/// A block by number or tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockNumber {
    /// The block with this number.
    Number(u64),
    /// The genesis block.
    Earliest,
    /// The last published block.
    #[default]
    Latest,
    /// The block being built.
    Pending,
    /// The last block whose data is on L1.
    Safe,
    /// The last block whose data is final on L1.
    Finalized,
}

/// A block by number, tag or hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    /// By number or tag.
    Number(BlockNumber),
    /// By hash (EIP-1898).
    Hash {
        /// The block's hash.
        hash: B256,
        /// Whether it must be on the chain; all blocks of this chain are.
        require_canonical: bool,
    },
}

impl Default for BlockId {
    fn default() -> Self {
        Self::Number(BlockNumber::Latest)
    }
}

impl From<u64> for BlockId {
    fn from(number: u64) -> Self {
        Self::Number(BlockNumber::Number(number))
    }
}

impl From<BlockNumber> for BlockId {
    fn from(number: BlockNumber) -> Self {
        Self::Number(number)
    }
}

impl From<B256> for BlockId {
    fn from(hash: B256) -> Self {
        Self::Hash { hash, require_canonical: false }
    }
}

/// geth keeps block numbers in a signed integer.
const NUMBER_MAX: u64 = i64::MAX as u64;

impl HexValue for BlockNumber {
    const NAME: &'static str = "block number";

    fn from_hex(text: &str) -> Result<Self, String> {
        Ok(match text {
            "latest" => Self::Latest,
            "pending" => Self::Pending,
            "earliest" => Self::Earliest,
            "safe" => Self::Safe,
            "finalized" => Self::Finalized,
            number => match u64::from_hex(number)? {
                number if number > NUMBER_MAX => {
                    return Err("block number larger than int64".into());
                }
                number => Self::Number(number),
            },
        })
    }
}

impl FromParam for BlockNumber {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        hex::from_raw(raw)
    }
}

impl HexValue for BlockId {
    const NAME: &'static str = "block number or hash";

    fn from_hex(text: &str) -> Result<Self, String> {
        // "0x" and 64 digits can only be a hash.
        if text.len() == 66 {
            return B256::from_hex(text).map(Into::into);
        }
        BlockNumber::from_hex(text).map(Self::Number)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    block_number: Option<Strict<BlockNumber>>,
    block_hash: Option<Strict<B256>>,
    #[serde(default)]
    require_canonical: Option<bool>,
}

impl FromParam for BlockId {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        if !raw.get().starts_with('{') {
            return hex::from_raw(raw);
        }
        let object: Object = super::from_json(raw)?;
        match (object.block_number, object.block_hash) {
            (Some(_), Some(_)) => {
                Err("cannot specify both BlockHash and BlockNumber, choose one or the other".into())
            }
            (Some(Strict(number)), None) => Ok(Self::Number(number)),
            (None, Some(Strict(hash))) => Ok(Self::Hash {
                hash,
                require_canonical: object.require_canonical.unwrap_or_default(),
            }),
            (None, None) => Err("neither block number nor hash specified".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(json: &str) -> Result<BlockId, String> {
        BlockId::from_param(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn forms() {
        let hash = B256::repeat_byte(0xab);
        assert_eq!(read("\"latest\""), Ok(BlockNumber::Latest.into()));
        assert_eq!(read("\"0x10\""), Ok(16.into()));
        assert_eq!(read(&format!("\"{hash}\"")), Ok(hash.into()));
        assert_eq!(read(r#"{"blockNumber":"0x10"}"#), Ok(16.into()));
        assert_eq!(read(r#"{"blockNumber":"safe"}"#), Ok(BlockNumber::Safe.into()));
        let canonical = format!(r#"{{"blockHash":"{hash}","requireCanonical":true}}"#);
        assert_eq!(read(&canonical), Ok(BlockId::Hash { hash, require_canonical: true }));
    }

    #[test]
    fn refused() {
        let both = format!(r#"{{"blockHash":"{}","blockNumber":"0x1"}}"#, B256::ZERO);
        let bad = ["\"LATEST\"", "\"latest \"", "16", "\"0x010\"", "{}", "[]", "true", &both];
        for json in bad {
            assert!(read(json).is_err(), "{json}");
        }
        assert!(read("\"0x8000000000000000\"").is_err());
        assert!(read("\"0x7fffffffffffffff\"").is_ok());
    }
}
