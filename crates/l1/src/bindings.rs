//! The contracts' interfaces, from their committed artifacts.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]

use alloy_sol_types::sol;

sol!(
    #[derive(Debug)]
    Rollup,
    "../../contracts/artifacts/Rollup.json"
);
sol!(
    #[derive(Debug)]
    L1Mailbox,
    "../../contracts/artifacts/L1Mailbox.json"
);
sol!(
    #[derive(Debug)]
    L1Bridge,
    "../../contracts/artifacts/L1Bridge.json"
);
sol!(
    #[derive(Debug)]
    TimelockController,
    "../../contracts/artifacts/TimelockController.json"
);
sol!(ERC1967Proxy, "../../contracts/artifacts/ERC1967Proxy.json");
sol!(L1GasOracle, "../../contracts/artifacts/L1GasOracle.json");
