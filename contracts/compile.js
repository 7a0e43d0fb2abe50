#!/usr/bin/env node
// Compiles the contracts with npm's solc and writes what the rest of the repository needs:
//
//   artifacts/NAME.json   abi, bytecode, deployedBytecode, compiler, hash of the sources
//   artifacts/NAME.hex    the deployed code alone, for the node's genesis
//   artifacts/published/  code that others published (published.js), as hex
//   storage/NAME.json     the storage layout, so that a change of it is seen in review
//
// `--check` writes nothing and fails if a file differs from what the sources give.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const solc = require('solc');
const published = require('./published.js');

const ROOT = __dirname;

/** Every contract with code under these folders gets an artifact. */
const FOLDERS = ['src/bench', 'src/l1', 'src/l2'];

/** Contracts of libraries that are deployed as they are. */
const LIBRARY_CONTRACTS = [
  'node_modules/@openzeppelin/contracts/governance/TimelockController.sol',
  'node_modules/@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol',
];

/** The largest contract that Ethereum accepts, in bytes (EIP-170). */
const MAX_CODE_SIZE = 24576;

/** Those here are installed by genesis: no immutables, code and layout in files of their own. */
const PREDEPLOYS = 'src/l2/';

/** Those here are behind proxies: an upgrade must keep their layout. */
const L1 = 'src/l1/';

/** As in foundry.toml: `forge build` gives the same bytecode. */
const SETTINGS = {
  optimizer: { enabled: true, runs: 10000 },
  evmVersion: 'osaka',
  viaIR: false,
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  remappings: ['@openzeppelin/=node_modules/@openzeppelin/'],
  outputSelection: {
    '*': {
      '*': [
        'abi',
        'evm.bytecode.object',
        'evm.deployedBytecode.object',
        'evm.deployedBytecode.immutableReferences',
        'metadata',
        'storageLayout',
      ],
    },
  },
};

function sourceFiles(folder) {
  return fs
    .readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const name = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return sourceFiles(name);
      return entry.name.endsWith('.sol') ? [name] : [];
    })
    .sort();
}

function readImport(name) {
  const file = path.join(ROOT, name);
  if (!fs.existsSync(file)) return { error: `import not found: ${name}` };
  return { contents: fs.readFileSync(file, 'utf8') };
}

function compile() {
  const sources = Object.fromEntries(
    [...FOLDERS.flatMap(sourceFiles), ...LIBRARY_CONTRACTS].map((name) => [
      name,
      { content: readImport(name).contents },
    ]),
  );
  const input = { language: 'Solidity', sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
  // A warning is an error: nobody reads the warnings of a build that passes. Libraries of others
  // may have warnings that only their authors can mend.
  const messages = (output.errors ?? []).filter(
    ({ severity, sourceLocation }) =>
      severity === 'error' || !sourceLocation?.file.startsWith('node_modules/'),
  );
  for (const message of messages) console.error(message.formattedMessage);
  if (messages.length > 0) process.exit(1);
  return output.contracts;
}

/** One hash over all sources that went into a contract, from the compiler's own metadata. */
function sourceHash(metadata) {
  const { sources } = JSON.parse(metadata);
  const lines = Object.keys(sources).sort().map((name) => `${name} ${sources[name].keccak256}\n`);
  return `0x${crypto.createHash('sha256').update(lines.join('')).digest('hex')}`;
}

/** The layout without the compiler's node numbers, which change with unrelated edits. */
function layoutOf({ storage, types }) {
  const plain = (type) => type.replace(/\)\d+/g, ')');
  const entry = ({ label, slot, offset, type }) => ({ slot, offset, label, type: plain(type) });
  const described = Object.entries(types ?? {}).map(([name, type]) => [
    plain(name),
    {
      bytes: type.numberOfBytes,
      ...(type.members && { members: type.members.map(entry) }),
    },
  ]);
  return { storage: (storage ?? []).map(entry), types: Object.fromEntries(described.sort()) };
}

/** Whether a contract is more than an interface or a base. */
function isDeployable(source, contract) {
  const code = contract.evm.deployedBytecode;
  // Interfaces and abstract contracts have no code; libraries of internal functions no ABI.
  const isCalled = ['function', 'fallback'];
  if (code.object === '' || !contract.abi.some(({ type }) => isCalled.includes(type))) return false;
  const size = code.object.length / 2;
  if (size > MAX_CODE_SIZE) throw new Error(`${source} has ${size} bytes of code`);
  const immutables = Object.keys(code.immutableReferences).length;
  if (source.startsWith(PREDEPLOYS) && immutables > 0) {
    throw new Error('a predeploy has no constructor, so it cannot have immutables');
  }
  return true;
}

/** The files to write, by path relative to this folder. */
function outputs() {
  const json = (value) => `${JSON.stringify(value, null, 2)}\n`;
  const files = published.files();
  for (const [source, contracts] of Object.entries(compile())) {
    const isOurs = FOLDERS.some((folder) => source.startsWith(`${folder}/`));
    if (!isOurs && !LIBRARY_CONTRACTS.includes(source)) continue;
    for (const [name, contract] of Object.entries(contracts)) {
      if (!isDeployable(source, contract)) continue;
      const file = `artifacts/${name}.json`;
      if (file in files) throw new Error(`two contracts are called ${name}`);
      files[file] = json({
        contractName: name,
        sourceName: source,
        solc: solc.version(),
        sourceHash: sourceHash(contract.metadata),
        abi: contract.abi,
        bytecode: `0x${contract.evm.bytecode.object}`,
        deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
      });
      const keepsState = [PREDEPLOYS, L1].some((folder) => source.startsWith(folder));
      if (keepsState) files[`storage/${name}.json`] = json(layoutOf(contract.storageLayout));
      if (!source.startsWith(PREDEPLOYS)) continue;
      files[`artifacts/${name}.hex`] = `${contract.evm.deployedBytecode.object}\n`;
    }
  }
  return files;
}

/** Files under the output folders that no contract accounts for. */
function strays(files) {
  return ['artifacts', 'artifacts/published', 'storage'].flatMap((folder) => {
    const dir = path.join(ROOT, folder);
    if (!fs.existsSync(dir)) return [];
    const entries = fs.readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isFile());
    return entries.map(({ name }) => `${folder}/${name}`).filter((name) => !(name in files));
  });
}

function check(files) {
  const current = (name) => {
    const file = path.join(ROOT, name);
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
  };
  const stale = Object.keys(files).filter((name) => current(name) !== files[name]);
  const wrong = [...stale, ...strays(files)];
  for (const name of wrong) console.error(`contracts/${name} is not what the sources give`);
  const total = Object.keys(files).length;
  console.log(`contracts: ${total - stale.length} of ${total} files match their sources`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

function write(files) {
  for (const name of strays(files)) fs.rmSync(path.join(ROOT, name));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(ROOT, name)), { recursive: true });
    fs.writeFileSync(path.join(ROOT, name), text);
  }
  console.log(`contracts: ${Object.keys(files).length} files written`);
}

const files = outputs();
if (process.argv.includes('--check')) check(files);
else write(files);
