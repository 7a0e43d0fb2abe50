//! The JSON-RPC envelope: requests borrowed from the body, answers appended to a buffer.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::RpcError;
use crate::error::{INVALID_REQUEST, PARSE_ERROR};

/// Splits a JSON array into the texts of its elements; `None` if it has more than `limit`.
///
/// # Errors
/// It is no JSON array.
pub(crate) fn split_array(
    text: &str,
    limit: usize,
) -> Result<Option<Vec<&RawValue>>, serde_json::Error> {
    struct Bounded(usize);

    impl<'de> Visitor<'de> for Bounded {
        type Value = Option<Vec<&'de RawValue>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while items.len() < self.0 {
                match seq.next_element::<&RawValue>()? {
                    Some(item) => items.push(item),
                    None => return Ok(Some(items)),
                }
            }
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(Some(items));
            }
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(text);
    let items = deserializer.deserialize_seq(Bounded(limit))?;
    deserializer.end()?;
    Ok(items)
}

/// A request as it stands in the body.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The id's own text; `None` for a notification.
    pub(crate) id: Option<&'a RawValue>,
    /// The method's name.
    pub(crate) method: String,
    /// The text of the parameters.
    pub(crate) params: Option<&'a RawValue>,
}

/// What is wrong with a request, and the id to answer under, if it has a usable one.
#[derive(Debug)]
pub(crate) struct BadRequest<'a> {
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) error: RpcError,
}

/// Longest id that is echoed; a longer one is no id.
const ID_LENGTH_MAX: usize = 1024;

/// Members of the envelope, each as its own text.
#[derive(Default)]
struct Members<'a> {
    version: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a request object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    let slot = match key.as_ref() {
                        "jsonrpc" => &mut members.version,
                        "id" => &mut members.id,
                        "method" => &mut members.method,
                        "params" => &mut members.params,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if slot.replace(map.next_value()?).is_some() {
                        return Err(A::Error::custom("duplicate member"));
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'a> Request<'a> {
    /// Reads one request object.
    ///
    /// # Errors
    /// `-32700` if `text` is no JSON, `-32600` if it is no request.
    pub(crate) fn parse(text: &'a str) -> Result<Self, BadRequest<'a>> {
        let members: Members<'a> = serde_json::from_str(text)
            .map_err(|error| BadRequest { id: None, error: envelope_error(&error) })?;
        let id = members.id.filter(|id| is_id(id.get()));
        let invalid = |message: &'static str| BadRequest {
            id,
            error: RpcError::new(INVALID_REQUEST, message),
        };
        if members.id.is_some() && id.is_none() {
            return Err(invalid("invalid request: id must be a string, a number or null"));
        }
        if members.version.is_none_or(|version| version.get() != "\"2.0\"") {
            return Err(invalid("invalid request: jsonrpc must be \"2.0\""));
        }
        let method = members.method.ok_or_else(|| invalid("invalid request: no method"))?;
        let method: String = serde_json::from_str(method.get())
            .map_err(|_| invalid("invalid request: method must be a string"))?;
        Ok(Self { id, method, params: members.params })
    }
}

fn is_id(text: &str) -> bool {
    let scalar = !matches!(text.as_bytes().first(), Some(b'{' | b'[' | b't' | b'f') | None);
    scalar && text.len() <= ID_LENGTH_MAX
}

/// Tells broken JSON from JSON that is no request.
pub(crate) fn envelope_error(error: &serde_json::Error) -> RpcError {
    if error.is_data() {
        RpcError::new(INVALID_REQUEST, "invalid request")
    } else {
        RpcError::new(PARSE_ERROR, format!("parse error: {error}"))
    }
}

/// Appends an answer to `out`.
pub(crate) fn write_answer(
    out: &mut Vec<u8>,
    id: Option<&str>,
    answer: &Result<Box<RawValue>, RpcError>,
) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.unwrap_or("null").as_bytes());
    match answer {
        Ok(result) => {
            out.extend_from_slice(b",\"result\":");
            out.extend_from_slice(result.get().as_bytes());
        }
        Err(error) => {
            out.extend_from_slice(b",\"error\":");
            let error = serde_json::to_vec(error)
                .unwrap_or_else(|_| br#"{"code":-32603,"message":"internal error"}"#.to_vec());
            out.extend_from_slice(&error);
        }
    }
    out.push(b'}');
}
