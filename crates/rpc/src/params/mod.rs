//! Parameters of a request, read as strictly as geth reads them.

mod block_id;
mod hex;

pub use block_id::{BlockId, BlockNumber};
pub use hex::{HexValue, LooseNumber, Strict};

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::RpcError;

/// A type that can be a parameter.
pub trait FromParam: Sized {
    /// Reads the JSON text `raw`.
    ///
    /// # Errors
    /// What is wrong with it, for the client.
    fn from_param(raw: &RawValue) -> Result<Self, String>;
}

/// Parameters by position.
#[derive(Debug, Default)]
pub struct Params<'a> {
    items: Vec<&'a RawValue>,
}

impl<'a> Params<'a> {
    /// Splits the JSON text of a request's `params` into at most `limit` parameters.
    ///
    /// # Errors
    /// It is no array, or has more elements.
    pub fn parse(text: Option<&'a str>, limit: usize) -> Result<Self, RpcError> {
        let Some(text) = text else { return Ok(Self::default()) };
        match text.as_bytes().first() {
            Some(b'n') => return Ok(Self::default()),
            Some(b'[') => {}
            _ => return Err(RpcError::invalid_params("non-array args")),
        }
        let items = crate::server::split_array(text, limit)
            .map_err(|error| RpcError::invalid_params(error.to_string()))?
            .ok_or_else(|| {
                RpcError::invalid_params(format!("too many arguments, want at most {limit}"))
            })?;
        Ok(Self { items })
    }

    /// The parameter at `index`, which must be there and not null.
    ///
    /// # Errors
    /// `-32602` in geth's words.
    pub fn get<T: FromParam>(&self, index: usize) -> Result<T, RpcError> {
        self.opt(index)?.ok_or_else(|| {
            RpcError::invalid_params(format!("missing value for required argument {index}"))
        })
    }

    /// The parameter at `index`; `None` if it is missing or null.
    ///
    /// # Errors
    /// `-32602` in geth's words.
    pub fn opt<T: FromParam>(&self, index: usize) -> Result<Option<T>, RpcError> {
        match self.raw(index) {
            Some(raw) => T::from_param(raw)
                .map(Some)
                .map_err(|message| RpcError::invalid_argument(index, message)),
            None => Ok(None),
        }
    }

    /// The block parameter at `index`; the latest block if it is missing.
    ///
    /// # Errors
    /// `-32602` in geth's words.
    pub fn block(&self, index: usize) -> Result<BlockId, RpcError> {
        Ok(self.opt(index)?.unwrap_or_default())
    }

    /// The JSON text at `index`; `None` if it is missing or null.
    pub fn raw(&self, index: usize) -> Option<&'a RawValue> {
        self.items.get(index).copied().filter(|raw| raw.get() != "null")
    }

    /// How many parameters were given.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Reads `raw` through serde: for structures. Hex inside them is as strict as their fields'
/// types are; see [`Strict`].
///
/// # Errors
/// serde's message without the position, which would refer to the parameter's own text.
pub fn from_json<T: DeserializeOwned>(raw: &RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let text = error.to_string();
        match text.rfind(" at line ") {
            Some(end) => text[..end].to_owned(),
            None => text,
        }
    })
}

macro_rules! by_hex {
    ($($type:ty),*) => {$(
        impl FromParam for $type {
            fn from_param(raw: &RawValue) -> Result<Self, String> {
                hex::from_raw(raw)
            }
        }
    )*};
}
by_hex!(Address, B256, Bytes, U256, u64, u128);

/// Lets a type that serde reads be a parameter.
#[macro_export]
macro_rules! param_by_serde {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::params::FromParam for $type {
            fn from_param(raw: &serde_json::value::RawValue) -> Result<Self, String> {
                $crate::params::from_json(raw)
            }
        }
    )*};
}
param_by_serde!(bool, String, f64, serde_json::Value, LooseNumber);

impl<T: FromParam> FromParam for Vec<T> {
    fn from_param(raw: &RawValue) -> Result<Self, String> {
        let items: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| "expected an array".to_owned())?;
        items.into_iter().map(T::from_param).collect()
    }
}
