//! What a request calls a block.

use alloy_primitives::B256;

use super::answer::Refusal;

/// A block of the beacon API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockId {
    /// The last one.
    Head,
    /// The first one.
    Genesis,
    /// The last final one.
    Finalized,
    /// The last one that is safe.
    Justified,
    /// The one in this slot.
    Slot(u64),
    /// The one with this root.
    Root(B256),
}

impl std::str::FromStr for BlockId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let invalid = || {
            let shown: String = text.chars().take(80).collect();
            Refusal::BadRequest(format!(
                "BAD_REQUEST: invalid block id {shown:?}: neither a slot, a root nor a name"
            ))
        };
        match text {
            "head" => Ok(Self::Head),
            "genesis" => Ok(Self::Genesis),
            "finalized" => Ok(Self::Finalized),
            "justified" => Ok(Self::Justified),
            _ if text.starts_with("0x") => text.parse().map(Self::Root).map_err(|_| invalid()),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self::Slot).map_err(|_| invalid())
            }
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!("head".parse(), Ok(BlockId::Head));
        assert_eq!("0".parse(), Ok(BlockId::Slot(0)));
        let root = B256::repeat_byte(9);
        assert_eq!(root.to_string().parse(), Ok(BlockId::Root(root)));
        for wrong in ["", "-1", "+1", "0x12", "tail", "18446744073709551616", "1e3"] {
            assert!(matches!(wrong.parse::<BlockId>(), Err(Refusal::BadRequest(_))), "{wrong}");
        }
    }
}
