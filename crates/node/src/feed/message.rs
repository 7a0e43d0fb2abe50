//! The messages: a kind (one byte), then RLP.

use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use jovay_types::{Block, SealedBlock};

const HELLO: u8 = 0;
const BLOCK: u8 = 1;
const HEAD: u8 = 2;

/// What a feed says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Hello {
    /// [`FEED_VERSION`](super::FEED_VERSION).
    pub(crate) version: u64,
    /// Chain id (EIP-155).
    pub(crate) chain_id: u64,
    /// Hash of the genesis block.
    pub(crate) genesis: B256,
}

/// Where the feed's chain stands; sent at least once a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Head {
    /// Number of the last block.
    pub(crate) number: u64,
    /// Its hash.
    pub(crate) hash: B256,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FeedMessage {
    Hello(Hello),
    Head(Head),
    Block(Box<Block>),
}

impl FeedMessage {
    pub(crate) fn hello(hello: &Hello) -> Vec<u8> {
        let mut out = vec![HELLO];
        hello.encode(&mut out);
        out
    }

    pub(crate) fn head(block: &SealedBlock) -> Vec<u8> {
        let mut out = vec![HEAD];
        Head { number: block.number(), hash: block.hash }.encode(&mut out);
        out
    }

    pub(crate) fn block(block: &SealedBlock) -> Vec<u8> {
        let mut out = vec![BLOCK];
        out.extend_from_slice(&block.encoded());
        out
    }

    /// Decodes one message, which must be all of `raw`.
    pub(crate) fn decode(raw: &[u8]) -> Result<Self, String> {
        fn exact<T: Decodable>(mut body: &[u8]) -> Result<T, String> {
            let value = T::decode(&mut body).map_err(|error| error.to_string())?;
            if body.is_empty() { Ok(value) } else { Err(format!("{} bytes too many", body.len())) }
        }
        match raw.split_first() {
            Some((&HELLO, body)) => exact(body).map(Self::Hello),
            Some((&HEAD, body)) => exact(body).map(Self::Head),
            Some((&BLOCK, body)) => exact(body).map(|block| Self::Block(Box::new(block))),
            Some((kind, _)) => Err(format!("unknown kind {kind}")),
            None => Err("empty".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn messages_round_trip_and_damaged_ones_are_refused() {
        let header = jovay_types::Header { number: 7, ..Default::default() };
        let sealed = SealedBlock {
            hash: header.hash_slow(),
            header: header.clone(),
            transactions: Vec::new(),
            ommers: Vec::new(),
            withdrawals: Some(Vec::new()),
        };
        let hello = Hello { version: 1, chain_id: 2, genesis: B256::repeat_byte(3) };
        let block = Block {
            header,
            transactions: Vec::new(),
            ommers: Vec::new(),
            withdrawals: Some(Vec::new()),
        };
        let messages = [
            (FeedMessage::hello(&hello), FeedMessage::Hello(hello)),
            (FeedMessage::head(&sealed), FeedMessage::Head(Head { number: 7, hash: sealed.hash })),
            (FeedMessage::block(&sealed), FeedMessage::Block(Box::new(block))),
        ];
        for (raw, message) in messages {
            assert_eq!(FeedMessage::decode(&raw).unwrap(), message);
            for end in 0..raw.len() {
                assert!(FeedMessage::decode(&raw[..end]).is_err());
            }
            assert!(FeedMessage::decode(&[&raw[..], &[0]].concat()).is_err());
        }
        assert!(FeedMessage::decode(&[3, 0xc0]).is_err());
    }
}
