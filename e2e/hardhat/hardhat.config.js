// Runs against a node that is already there: RPC_URL, or 127.0.0.1:8545.
import hardhatEthers from '@nomicfoundation/hardhat-ethers';
import hardhatEthersChaiMatchers from '@nomicfoundation/hardhat-ethers-chai-matchers';
import hardhatMocha from '@nomicfoundation/hardhat-mocha';
import hardhatNetworkHelpers from '@nomicfoundation/hardhat-network-helpers';
import { defineConfig } from 'hardhat/config';
import { fileURLToPath } from 'node:url';

export default defineConfig({
  plugins: [hardhatEthers, hardhatEthersChaiMatchers, hardhatMocha, hardhatNetworkHelpers],
  solidity: {
    version: '0.8.37',
    // npm's compiler: Hardhat would download a native one.
    path: fileURLToPath(new URL('node_modules/solc/soljson.js', import.meta.url)),
    settings: { optimizer: { enabled: true, runs: 200 }, evmVersion: 'osaka' },
    npmFilesToBuild: [
      '@openzeppelin/contracts/access/manager/AccessManager.sol',
      '@openzeppelin/contracts/finance/VestingWallet.sol',
      '@openzeppelin/contracts/governance/TimelockController.sol',
      '@openzeppelin/contracts/metatx/ERC2771Forwarder.sol',
      '@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol',
    ],
  },
  networks: {
    jovay: {
      type: 'http',
      url: process.env.RPC_URL ?? 'http://127.0.0.1:8545',
      accounts: 'remote',
    },
  },
  test: { mocha: { timeout: 60_000 } },
});
