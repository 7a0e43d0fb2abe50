// Checks Merkle Patricia proofs (EIP-1186) without trusting the node that gave them.
import assert from 'node:assert/strict';
import { fromRlp, keccak256, toRlp } from 'viem';

const nibbles = (hex) => [...hex.slice(2)];

/** Splits a hex-prefix encoded path into its nibbles and whether it ends in a leaf. */
function decodePath(encoded) {
  const [flag, ...rest] = nibbles(encoded);
  const kind = parseInt(flag, 16);
  assert(kind < 4, 'a path starts with a flag below 4');
  return { path: kind % 2 === 1 ? rest : rest.slice(1), isLeaf: kind >= 2 };
}

/**
 * The value at `key` (unhashed) in the trie with `root`: RLP, or null if the proof shows that there
 * is none. Throws if the proof shows neither.
 */
export function provenValue(root, key, proof) {
  if (proof.length === 0) {
    assert.equal(root, keccak256('0x80'), 'only an empty trie needs no proof');
    return null;
  }
  let rest = nibbles(keccak256(key));
  let expected = root;
  for (let at = 0; at < proof.length; ) {
    assert.equal(keccak256(proof[at]), expected, `node ${at} has another hash`);
    at += 1;
    let node = fromRlp(proof[at - 1]);
    // Nodes below 32 bytes are embedded in their parent.
    for (;;) {
      let next;
      if (node.length === 17) {
        if (rest.length === 0) return node[16] === '0x' ? null : node[16];
        next = node[parseInt(rest[0], 16)];
        rest = rest.slice(1);
      } else {
        const { path, isLeaf } = decodePath(node[0]);
        const matches = path.every((nibble, index) => nibble === rest[index]);
        if (!matches || (isLeaf && path.length !== rest.length)) {
          assert.equal(at, proof.length, 'nodes follow the end of the path');
          return null;
        }
        if (isLeaf) {
          assert.equal(at, proof.length, 'nodes follow the leaf');
          return node[1];
        }
        rest = rest.slice(path.length);
        next = node[1];
      }
      if (Array.isArray(next)) {
        node = next;
        continue;
      }
      if (next === '0x') {
        assert.equal(at, proof.length, 'nodes follow the end of the path');
        return null;
      }
      expected = next;
      break;
    }
  }
  throw new Error('the proof ends before the path does');
}

const minimal = (value) => (value === 0n ? '0x' : `0x${evenHex(value.toString(16))}`);
const evenHex = (hex) => (hex.length % 2 === 1 ? `0${hex}` : hex);

/** Checks an `eth_getProof` answer (as viem gives it) against a block's state root. */
export function checkProof(stateRoot, proof) {
  const account = provenValue(stateRoot, proof.address, proof.accountProof);
  if (account === null) {
    assert.equal(proof.balance, 0n);
    assert.equal(BigInt(proof.nonce), 0n);
  } else {
    const fields = [minimal(BigInt(proof.nonce)), minimal(proof.balance)];
    assert.equal(account, toRlp([...fields, proof.storageHash, proof.codeHash]));
  }
  for (const { key, value, proof: nodes } of proof.storageProof) {
    const slot = `0x${BigInt(key).toString(16).padStart(64, '0')}`;
    const stored = provenValue(proof.storageHash, slot, nodes);
    assert.equal(stored, value === 0n ? null : toRlp(minimal(value)));
  }
}
