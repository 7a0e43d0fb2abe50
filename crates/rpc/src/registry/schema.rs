//! JSON schemas of parameters and results.

use serde_json::{Value, json};

/// Anything.
pub fn any() -> Value {
    json!({})
}

/// `0x` and a number without leading zeros.
pub fn quantity() -> Value {
    json!({ "title": "quantity", "type": "string", "pattern": "^0x(0|[1-9a-f][0-9a-f]*)$" })
}

/// `0x` and any number of bytes.
pub fn bytes() -> Value {
    json!({ "title": "bytes", "type": "string", "pattern": "^0x([0-9a-f]{2})*$" })
}

/// `0x` and 32 bytes.
pub fn hash() -> Value {
    json!({ "title": "32-byte hash", "type": "string", "pattern": "^0x[0-9a-f]{64}$" })
}

/// `0x` and 20 bytes.
pub fn address() -> Value {
    json!({ "title": "address", "type": "string", "pattern": "^0x[0-9a-fA-F]{40}$" })
}

/// True or false.
pub fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// Any text.
pub fn string() -> Value {
    json!({ "type": "string" })
}

/// A JSON integer.
pub fn integer() -> Value {
    json!({ "type": "integer" })
}

/// An object of any shape.
pub fn object() -> Value {
    json!({ "type": "object" })
}

/// An array of `items`.
pub fn array(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// `schema` or null.
pub fn nullable(schema: Value) -> Value {
    json!({ "oneOf": [schema, { "type": "null" }] })
}

/// One of several.
pub fn one_of(schemas: Vec<Value>) -> Value {
    json!({ "oneOf": schemas })
}

/// A number as a JSON number, decimal string or hex.
pub fn loose_number() -> Value {
    json!({ "title": "number", "oneOf": [{ "type": "integer" }, { "type": "string" }] })
}

/// A block number or tag.
pub fn block_number() -> Value {
    json!({
        "title": "block number or tag",
        "oneOf": [
            quantity(),
            { "type": "string", "enum": ["earliest", "finalized", "safe", "latest", "pending"] },
        ],
    })
}

/// A block number, tag, hash, or EIP-1898 object.
pub fn block_id() -> Value {
    json!({
        "title": "block number, tag or hash",
        "oneOf": [
            block_number(),
            hash(),
            {
                "type": "object",
                "properties": {
                    "blockNumber": quantity(),
                    "blockHash": hash(),
                    "requireCanonical": boolean(),
                },
            },
        ],
    })
}

/// A storage slot's key, of up to 32 bytes.
pub fn slot() -> Value {
    json!({ "title": "storage slot", "type": "string", "pattern": "^0x[0-9a-fA-F]{0,64}$" })
}

/// An object whose members all are `values`.
pub fn map(values: Value) -> Value {
    json!({ "type": "object", "additionalProperties": values })
}

/// A JSON number.
pub fn number() -> Value {
    json!({ "type": "number" })
}
