//! Roots of a block's lists.

use alloy_primitives::B256;

/// The root of the trie that maps `rlp(index)` to each item: transactions, receipts, withdrawals.
///
/// `items` are the values as they stand in the trie, EIP-2718 encoded where that applies. About
/// a microsecond an item.
pub fn ordered_root<T: AsRef<[u8]>>(items: &[T]) -> B256 {
    alloy_trie::root::ordered_trie_root_encoded(items)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use alloc::{collections::BTreeMap, vec::Vec};

    use alloy_primitives::b256;
    use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};

    use super::*;

    #[test]
    fn keys_are_the_rlp_of_the_index() {
        for count in (0..300).chain([1000, 70_000]) {
            let items: Vec<_> = (0..count).map(|n: u32| (n * 7).to_be_bytes()).collect();
            let sorted: BTreeMap<_, _> =
                items.iter().enumerate().map(|(n, item)| (alloy_rlp::encode(n), item)).collect();
            let mut builder = HashBuilder::default();
            for (key, item) in sorted {
                builder.add_leaf(Nibbles::unpack(key), item);
            }
            assert_eq!(ordered_root(&items), builder.root(), "{count} items");
        }
    }

    #[test]
    fn no_items_have_the_empty_root() {
        assert_eq!(ordered_root::<[u8; 0]>(&[]), EMPTY_ROOT_HASH);
        let empty = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
        assert_eq!(EMPTY_ROOT_HASH, empty);
    }
}
