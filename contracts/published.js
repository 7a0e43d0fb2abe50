// Code that others published and that genesis installs unchanged, taken from npm packages or, for
// 69 bytes, written out. See PREDEPLOYS.md for authors and licences.
'use strict';
const path = require('node:path');

/** Runtime code of Arachnid's deterministic deployment proxy. */
const CREATE2_FACTORY =
  '0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe036016000816020823780358282' +
  '34f58015156039578182fd5b8082525050506014600cf3';

/** What solc puts before the runtime code of a contract whose constructor does nothing. */
const EMPTY_CONSTRUCTOR =
  /^0x608060405234801561001057600080fd5b5061([0-9a-f]{4})806100206000396000f3fe([0-9a-f]*)$/;

/** The runtime code inside the creation code of a contract without constructor. */
function runtimeCode(creationCode) {
  const match = EMPTY_CONSTRUCTOR.exec(creationCode);
  if (!match || match[2].length !== 2 * parseInt(match[1], 16)) {
    throw new Error('this creation code does more than to return what follows it');
  }
  return `0x${match[2]}`;
}

function multicall3() {
  // The package exports no path to it.
  const viem = path.dirname(require.resolve('viem/package.json'));
  return runtimeCode(require(path.join(viem, '_cjs/constants/contracts.js')).multicall3Bytecode);
}

/** The files to write, by path relative to this folder: hex without prefix, for `include_str!`. */
exports.files = () =>
  Object.fromEntries(
    Object.entries({ Create2Factory: CREATE2_FACTORY, Multicall3: multicall3() }).map(
      ([name, code]) => [`artifacts/published/${name}.hex`, `${code.slice(2)}\n`],
    ),
  );
