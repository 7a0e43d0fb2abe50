// Runs flows one after the other and counts them. A flow fails by throwing.
//
// The node is at the URL given as first argument, in RPC_URL, or at 127.0.0.1:8545. Flows may name
// nodes that are known not to do what they ask (`{ missingIn: ['anvil'] }`): skipped there, counted
// as neither passed nor failed.

export const URL_HTTP = process.argv[2] ?? process.env.RPC_URL ?? 'http://127.0.0.1:8545';
export const URL_WS = URL_HTTP.replace(/^http/, 'ws');
const TIMEOUT_MS = 60_000;

const flows = [];

/** Adds a flow. */
export function flow(name, options, run) {
  flows.push(run ? { name, ...options, run } : { name, run: options });
}

/** One JSON-RPC call without any client library; the whole response object. */
export async function post(method, params = []) {
  const response = await fetch(URL_HTTP, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return response.json();
}

/** The result of one JSON-RPC call; throws on an error. */
export async function rpc(method, ...params) {
  const { result, error } = await post(method, params);
  if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
  return result;
}

function withTimeout(promise, name) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name}: no end in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Runs all flows, prints the tally and ends the process. `ONLY=text` picks flows by name. */
export async function run(suite) {
  const client = await rpc('web3_clientVersion');
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, run: body, missingIn = [] } of flows) {
    if (process.env.ONLY && !name.includes(process.env.ONLY)) continue;
    if (missingIn.some((node) => client.toLowerCase().startsWith(node))) {
      tally.skipped += 1;
      console.log(`skip ${suite}: ${name} (${client} lacks it)`);
      continue;
    }
    try {
      await withTimeout(body(), name);
      tally.passed += 1;
      console.log(`ok   ${suite}: ${name}`);
    } catch (error) {
      tally.failed += 1;
      console.log(`FAIL ${suite}: ${name}\n     ${String(error?.stack ?? error).slice(0, 2000)}`);
    }
  }
  const skipped = tally.skipped > 0 ? ` (${tally.skipped} skipped)` : '';
  console.log(`${suite} against ${client}${skipped}`);
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  process.exit(tally.failed === 0 ? 0 : 1);
}

/** Waits until `condition` gives something truthy, and returns it. */
export async function until(condition, what, timeoutMs = 20_000) {
  const end = Date.now() + timeoutMs;
  while (Date.now() < end) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not in ${timeoutMs} ms: ${what}`);
}

/** Runs `action`, which must fail; returns the whole error text, causes included. */
export async function failure(action) {
  try {
    await action();
  } catch (error) {
    const parts = [];
    for (let cause = error; cause; cause = cause.cause) {
      parts.push(cause.message, cause.details, cause.info && JSON.stringify(cause.info));
    }
    return parts.filter(Boolean).join('\n');
  }
  throw new Error('it should have failed, and did not');
}

/** Public development keys: accounts of the "test test ... junk" mnemonic. */
export const KEYS = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
  '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
];
