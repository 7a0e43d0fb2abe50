// Compiles e2e/contracts into e2e/.build, one JSON {abi, bytecode} per contract, unless it is
// there already for the same sources.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import solc from 'solc';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const SOURCES = path.join(ROOT, 'contracts');
const BUILD = path.join(ROOT, '.build');

const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: 'cancun',
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
};

function readSources() {
  const names = fs.readdirSync(SOURCES).filter((name) => name.endsWith('.sol')).sort();
  return Object.fromEntries(
    names.map((name) => [name, { content: fs.readFileSync(path.join(SOURCES, name), 'utf8') }]),
  );
}

function readImport(name) {
  const file = path.join(ROOT, 'node_modules', name);
  if (!fs.existsSync(file)) return { error: `import not found: ${name}` };
  return { contents: fs.readFileSync(file, 'utf8') };
}

/** Brings `.build` up to date. */
export function build() {
  const input = JSON.stringify({ language: 'Solidity', sources: readSources(), settings });
  const digest = createHash('sha256').update(solc.version()).update(input).digest('hex');
  const stamp = path.join(BUILD, 'digest');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return;

  const output = JSON.parse(solc.compile(input, { import: readImport }));
  const errors = (output.errors ?? []).filter((message) => message.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
  fs.rmSync(BUILD, { recursive: true, force: true });
  fs.mkdirSync(BUILD);
  for (const [source, contracts] of Object.entries(output.contracts)) {
    if (source.includes('/')) continue;
    for (const [name, { abi, evm }] of Object.entries(contracts)) {
      const text = JSON.stringify({ abi, bytecode: `0x${evm.bytecode.object}` });
      fs.writeFileSync(path.join(BUILD, `${name}.json`), text);
    }
  }
  fs.writeFileSync(stamp, digest);
}

/** The {abi, bytecode} of a contract of e2e/contracts. */
export function artifact(name) {
  build();
  return JSON.parse(fs.readFileSync(path.join(BUILD, `${name}.json`), 'utf8'));
}

/** The {abi, bytecode} of a compiled contract in an npm package. */
export function published(file) {
  const json = JSON.parse(fs.readFileSync(path.join(ROOT, 'node_modules', file), 'utf8'));
  const bytecode = json.bytecode ?? json.evm.bytecode.object;
  return { abi: json.abi, bytecode: bytecode.startsWith('0x') ? bytecode : `0x${bytecode}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
