"""What users of web3.py do. Usage: python web3_flows.py [URL]"""

import asyncio
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import (
    ContractCustomError,
    ContractLogicError,
    ContractPanicError,
    TransactionNotFound,
    Web3RPCError,
)
from web3.middleware import SignAndSendRawMiddlewareBuilder

ROOT = Path(__file__).parent
URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("RPC_URL", "http://127.0.0.1:8545")
RICH = Account.from_key("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
ZERO = "0x" + "00" * 20

w3 = Web3(Web3.HTTPProvider(URL, request_kwargs={"timeout": 60}))
CHAIN_ID = w3.eth.chain_id
FLOWS = []


class Skip(Exception):
    """The node is known not to do this."""


def flow(function):
    """Marks a flow: it fails by raising."""
    FLOWS.append(function)
    return function


def artifact(name):
    """The {abi, bytecode} of a contract of e2e/contracts."""
    return json.loads((ROOT / ".build" / f"{name}.json").read_text())


def receipt_of(tx_hash):
    return w3.eth.wait_for_transaction_receipt(tx_hash, timeout=30, poll_latency=0.05)


def fees():
    return {"maxFeePerGas": 2 * w3.eth.gas_price + 10**9, "maxPriorityFeePerGas": 1}


def send(account, **fields):
    """Signs and sends; returns the hash. Nonce, gas and fees are filled in if missing."""
    tx = {"chainId": CHAIN_ID, "from": account.address, **fields}
    tx.setdefault("nonce", w3.eth.get_transaction_count(account.address, "pending"))
    if "gasPrice" not in tx:
        tx = {**fees(), **tx}
    if "gas" not in tx:
        tx["gas"] = w3.eth.estimate_gas(tx)
    del tx["from"]
    return w3.eth.send_raw_transaction(account.sign_transaction(tx).raw_transaction)


def mined(tx_hash):
    receipt = receipt_of(tx_hash)
    assert receipt["status"] == 1, receipt
    return receipt


def new_account(ether=10):
    """A new account with some ether, so that flows do not disturb each other."""
    account = Account.create()
    mined(send(RICH, to=account.address, value=w3.to_wei(ether, "ether")))
    return account


def deploy(account, name, *args):
    build = artifact(name)
    factory = w3.eth.contract(abi=build["abi"], bytecode=build["bytecode"])
    data = factory.constructor(*args).data_in_transaction
    receipt = mined(send(account, data=data))
    return w3.eth.contract(address=receipt["contractAddress"], abi=build["abi"])


def transact(account, function, **fields):
    return send(account, to=function.address, data=function._encode_transaction_data(), **fields)


def fails_with(kind, action):
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


@flow
def chain_and_client():
    assert w3.is_connected()
    assert w3.net.version == str(CHAIN_ID)
    assert w3.client_version


@flow
def legacy_2930_and_1559():
    account = new_account()
    price = 2 * w3.eth.gas_price
    access_list = [{"address": ZERO, "storageKeys": []}]
    for kind, fields in [
        (0, {"gasPrice": price}),
        (1, {"gasPrice": price, "accessList": access_list, "type": 1}),
        (2, {"type": 2}),
    ]:
        receipt = mined(send(account, to=ZERO, value=1, **fields))
        assert receipt["type"] == kind
        assert w3.eth.get_transaction(receipt["transactionHash"])["type"] == kind


@flow
def set_code_7702():
    account, user = new_account(), Account.create()
    probe = deploy(account, "Probe")
    authorization = {"chainId": CHAIN_ID, "address": probe.address, "nonce": 0}
    signed = user.sign_authorization(authorization)
    data = probe.encode_abi("store", [5, 6])
    receipt = mined(
        send(account, to=user.address, data=data, authorizationList=[signed], type=4, gas=300_000)
    )
    assert receipt["type"] == 4
    assert w3.eth.get_code(user.address) == bytes.fromhex("ef0100" + probe.address[2:])
    as_contract = w3.eth.contract(address=user.address, abi=probe.abi)
    assert as_contract.functions.values(5).call() == 6


@flow
def create2():
    account = new_account()
    salt = w3.keccak(hexstr=account.address)
    code = bytes.fromhex(artifact("Probe")["bytecode"][2:])
    factory = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
    mined(send(account, to=factory, data=salt + code))
    parts = b"\xff" + bytes.fromhex(factory[2:]) + salt + w3.keccak(code)
    assert len(w3.eth.get_code(w3.to_checksum_address(w3.keccak(parts)[12:]))) > 0


@flow
def reverts_are_told_apart():
    account = new_account()
    functions = deploy(account, "Probe").functions
    error = fails_with(ContractLogicError, functions.failWithReason().call)
    assert error.message == "execution reverted: no luck", error.message
    error = fails_with(ContractLogicError, functions.failWithReason().estimate_gas)
    assert "no luck" in error.message
    fails_with(ContractCustomError, functions.failWithError(11).call)
    fails_with(ContractPanicError, functions.failWithPanic(0).call)
    receipt = receipt_of(transact(account, functions.failWithReason(), gas=100_000))
    assert receipt["status"] == 0 and receipt["logs"] == []


@flow
def logs_and_filters():
    account = new_account()
    probe = deploy(account, "Probe")
    log_filter = w3.eth.filter({"address": probe.address})
    event_filter = probe.events.Stored.create_filter(
        from_block="latest", argument_filters={"key": 2}
    )
    first = mined(transact(account, probe.functions.store(1, 10)))
    second = mined(transact(account, probe.functions.store(2, 20)))
    assert [log["blockNumber"] for log in log_filter.get_new_entries()] == [
        first["blockNumber"],
        second["blockNumber"],
    ]
    assert [log["args"]["value"] for log in event_filter.get_new_entries()] == [20]
    events = probe.events.Stored.get_logs(from_block=first["blockNumber"])
    assert [log["args"]["key"] for log in events] == [1, 2]
    by_hash = probe.events.Stored.get_logs(block_hash=second["blockHash"])
    assert len(by_hash) == 1
    topic = "0x" + (1).to_bytes(32, "big").hex()
    query = {"fromBlock": 0, "address": probe.address, "topics": [None, None, topic]}
    assert len(w3.eth.get_logs(query)) == 1
    assert w3.eth.uninstall_filter(log_filter.filter_id)


@flow
def tags():
    numbers = [w3.eth.get_block(tag)["number"] for tag in ("earliest", "finalized", "safe")]
    assert numbers == sorted(numbers) and numbers[0] == 0
    latest = w3.eth.get_block("latest", full_transactions=True)
    assert numbers[2] <= latest["number"]
    assert w3.eth.get_block(latest["hash"])["number"] == latest["number"]


@flow
def permit():
    account, spender = new_account(), Account.create()
    token = deploy(account, "Token", "Python")
    names = ["owner:address", "spender:address", "value:uint256", "nonce:uint256"]
    fields = [dict(zip(("name", "type"), n.split(":"))) for n in [*names, "deadline:uint256"]]
    message = {
        "owner": account.address,
        "spender": spender.address,
        "value": 9,
        "nonce": 0,
        "deadline": 2**64,
    }
    domain = {
        "name": "Python",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": token.address,
    }
    signed = account.sign_message(encode_typed_data(domain, {"Permit": fields}, message))
    r, s = (value.to_bytes(32, "big") for value in (signed.r, signed.s))
    call = token.functions.permit(account.address, spender.address, 9, 2**64, signed.v, r, s)
    mined(transact(RICH, call))
    assert token.functions.allowance(account.address, spender.address).call() == 9


@flow
def fifty_in_flight():
    account, target = new_account(), Account.create().address
    common = {"to": target, "value": 1, "gas": 21_000, **fees()}
    hashes = [send(account, nonce=nonce, **common) for nonce in range(50)]
    assert all(receipt_of(tx_hash)["status"] == 1 for tx_hash in hashes)
    assert w3.eth.get_balance(target) == 50


@flow
def batch():
    with w3.batch_requests() as requests:
        requests.add(w3.eth.get_block("latest"))
        requests.add(w3.eth.get_balance(RICH.address))
        requests.add(w3.eth.get_block_number())
        block, balance, number = requests.execute()
    assert block["number"] <= number and balance > 0


@flow
def overrides():
    code = artifact("Probe")
    account = new_account()
    deployed = deploy(account, "Probe")
    elsewhere = Account.create().address
    there = w3.eth.contract(address=elsewhere, abi=code["abi"])
    slot = "0x" + "00" * 32
    state = {
        elsewhere: {
            "code": w3.to_hex(w3.eth.get_code(deployed.address)),
            "stateDiff": {slot: "0x" + (12).to_bytes(32, "big").hex()},
        }
    }
    assert there.functions.last().call(state_override=state) == 12


@flow
def proof_and_storage():
    account = new_account()
    probe = deploy(account, "Probe")
    mined(transact(account, probe.functions.store(1, 42)))
    block = w3.eth.get_block("latest")
    proof = w3.eth.get_proof(probe.address, ["0x" + "00" * 32], block["number"])
    assert int.from_bytes(proof["storageProof"][0]["value"], "big") == 42
    assert int.from_bytes(w3.eth.get_storage_at(probe.address, 0), "big") == 42
    assert w3.keccak(proof["accountProof"][0]) == block["stateRoot"]
    assert w3.keccak(proof["storageProof"][0]["proof"][0]) == proof["storageHash"]


@flow
def proof_by_short_slot():
    if w3.client_version.startswith("anvil"):
        raise Skip("it takes full 32-byte slots only")
    probe = deploy(new_account(), "Probe")
    assert len(w3.eth.get_proof(probe.address, [0])["storageProof"]) == 1


@flow
def access_list_and_simulation():
    account = new_account()
    probe = deploy(account, "Probe")
    data = probe.encode_abi("store", [1, 2])
    tx = {"from": account.address, "to": probe.address, "data": data}
    result = w3.eth.create_access_list(tx)
    assert len(result["accessList"]) == 1
    simulated = w3.eth.simulate_v1(
        {"blockStateCalls": [{"calls": [tx, {**tx, "data": probe.encode_abi("last")}]}]}, "latest"
    )
    calls = simulated[0]["calls"]
    assert [call["status"] for call in calls] == [1, 1]
    assert int(calls[1]["returnData"].hex(), 16) == 2


@flow
def fee_history():
    mined(send(RICH, to=ZERO, value=1))
    history = w3.eth.fee_history(2, "latest", [50.0])
    assert len(history["baseFeePerGas"]) == 3 and len(history["reward"]) == 2
    assert w3.eth.max_priority_fee >= 0


@flow
def refusals():
    account = new_account(1)
    mined(send(account, to=ZERO, value=1))
    common = {"to": ZERO, "gas": 21_000}
    error = fails_with(Web3RPCError, lambda: send(account, nonce=0, value=2, **common))
    assert "nonce too low" in error.message, error.message
    value = w3.to_wei(2, "ether")
    error = fails_with(Web3RPCError, lambda: send(account, value=value, **common))
    assert "insufficient funds for gas * price + value" in error.message.lower(), error.message
    fails_with(TransactionNotFound, lambda: w3.eth.get_transaction("0x" + "12" * 32))


@flow
def signing_middleware():
    account = new_account()
    local = Web3(Web3.HTTPProvider(URL))
    local.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    local.eth.default_account = account.address
    probe = deploy(account, "Probe")
    contract = local.eth.contract(address=probe.address, abi=probe.abi)
    mined(contract.functions.store(1, 5).transact())
    assert contract.functions.last().call() == 5


@flow
def websocket_subscriptions():
    account = new_account()
    probe = deploy(account, "Probe")

    async def listen():
        async with AsyncWeb3(WebSocketProvider(URL.replace("http", "ws", 1))) as socket:
            heads = await socket.eth.subscribe("newHeads")
            logs = await socket.eth.subscribe("logs", {"address": probe.address})
            receipt = mined(transact(account, probe.functions.store(1, 2)))
            seen = set()
            async for message in socket.socket.process_subscriptions():
                if message["subscription"] == heads:
                    if message["result"]["number"] == receipt["blockNumber"]:
                        assert message["result"]["hash"] == receipt["blockHash"]
                        seen.add("head")
                elif message["subscription"] == logs:
                    assert message["result"]["transactionHash"] == receipt["transactionHash"]
                    seen.add("log")
                if seen == {"head", "log"}:
                    break
            assert await socket.eth.unsubscribe(heads)

    asyncio.run(asyncio.wait_for(listen(), 30))


def main():
    subprocess.run(["node", str(ROOT / "build.mjs")], check=True)
    passed = failed = 0
    for function in FLOWS:
        if os.environ.get("ONLY", "") not in function.__name__:
            continue
        started = time.monotonic()
        try:
            function()
            passed += 1
            print(f"ok   web3.py: {function.__name__} ({time.monotonic() - started:.1f} s)")
        except Skip as reason:
            print(f"skip web3.py: {function.__name__} ({w3.client_version}: {reason})")
        except Exception:
            failed += 1
            print(f"FAIL web3.py: {function.__name__}\n{traceback.format_exc()[-2500:]}")
    print(f"web3.py against {w3.client_version}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
