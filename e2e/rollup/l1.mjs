// L1 as viem sees it: clients, the contracts from their artifacts, a token of each kind.
import fs from 'node:fs';
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  getContract,
  http,
  parseEther,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';

import { artifact as testArtifact } from '../build.mjs';
import { KEYS } from '../harness.mjs';

export const ETHER = parseEther('1');

/** A contract of ours, from contracts/artifacts. */
export function artifact(name) {
  const file = new URL(`../../contracts/artifacts/${name}.json`, import.meta.url);
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

/** viem's view of a chain: a client, wallets, transactions that must succeed. */
export async function connect(url) {
  const transport = http(url);
  const id = await createPublicClient({ transport }).getChainId();
  const chain = defineChain({
    id,
    name: `chain ${id}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  });
  // No cache: a block number from before a deployment would miss the contract.
  const client = createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 });
  const walletOf = (key) =>
    createWalletClient({ chain, transport, account: privateKeyToAccount(key) });
  const rich = walletOf(KEYS[0]);

  async function mined(hash) {
    const receipt = await client.waitForTransactionReceipt({ hash: await hash });
    if (receipt.status !== 'success') throw new Error(`${receipt.transactionHash} failed`);
    return receipt;
  }

  /** A wallet of a new account with some ether, so that flows do not disturb each other; with its
   * key, for the other chain. */
  async function newWallet(ether = '10') {
    const key = generatePrivateKey();
    const wallet = { ...walletOf(key), key };
    await mined(rich.sendTransaction({ to: wallet.account.address, value: parseEther(ether) }));
    return wallet;
  }

  const at = (abi, address, wallet) =>
    getContract({ address, abi, client: wallet ? { public: client, wallet } : client });

  async function deploy(wallet, { abi, bytecode }, args = []) {
    const receipt = await mined(wallet.deployContract({ abi, bytecode, args }));
    return at(abi, receipt.contractAddress, wallet);
  }

  /** A token of each kind, of which `wallet` owns some. */
  async function newTokens(wallet) {
    const erc20 = await deploy(wallet, testArtifact('Token'), ['Cargo']);
    const erc721 = await deploy(wallet, testArtifact('Deeds'));
    const erc1155 = await deploy(wallet, testArtifact('Items'));
    return { erc20, erc721, erc1155 };
  }

  return { url, client, walletOf, rich, mined, newWallet, at, deploy, newTokens };
}
