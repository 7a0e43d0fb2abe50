//! The deployed code of the predeploys, decoded at compile time: a malformed artifact does not
//! build.

use alloy_primitives::Bytes;

/// A function that gives the code in a hex file of `contracts/artifacts`.
macro_rules! artifact {
    ($name:ident, $file:literal) => {
        pub(super) fn $name() -> Bytes {
            const HEX: &str = include_str!(concat!("../../../../contracts/artifacts/", $file));
            static CODE: [u8; code_len(HEX)] = decode(HEX);
            Bytes::from_static(&CODE)
        }
    };
}

artifact!(l1_gas_oracle, "L1GasOracle.hex");
artifact!(l2_bridge, "L2Bridge.hex");
artifact!(l2_coin_base, "L2CoinBase.hex");
artifact!(l2_mailbox, "L2Mailbox.hex");
artifact!(twin_erc20, "TwinERC20.hex");
artifact!(twin_erc721, "TwinERC721.hex");
artifact!(twin_erc1155, "TwinERC1155.hex");
artifact!(weth, "WETH.hex");
artifact!(create2_factory, "published/Create2Factory.hex");
artifact!(multicall3, "published/Multicall3.hex");

/// Bytes in a hex file, which ends with a line feed.
const fn code_len(hex: &str) -> usize {
    assert!(hex.len() % 2 == 1 && hex.as_bytes()[hex.len() - 1] == b'\n');
    hex.len() / 2
}

const fn decode<const N: usize>(hex: &str) -> [u8; N] {
    let mut code = [0; N];
    let mut at = 0;
    while at < N {
        code[at] = nibble(hex.as_bytes()[2 * at]) << 4 | nibble(hex.as_bytes()[2 * at + 1]);
        at += 1;
    }
    code
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("not a hexadecimal digit"),
    }
}
