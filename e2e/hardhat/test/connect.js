// One connection for all files: Hardhat's network is the node under test.
import { network } from 'hardhat';

export const connection = await network.getOrCreate();
export const { ethers, networkHelpers } = connection;
export const { loadFixture, time } = networkHelpers;

/** One JSON-RPC call. */
export const rpc = (method, ...params) => connection.provider.request({ method, params });

/** A signer for any address, with money. */
export async function actAs(address) {
  await networkHelpers.impersonateAccount(address);
  await networkHelpers.setBalance(address, ethers.parseEther('1000'));
  return ethers.getSigner(address);
}
