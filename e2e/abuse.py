"""What nobody should send: malformed, oversized and excessive input.

Each flow asserts the error that the client gets; after each, the node must answer a normal request
at once and its memory must not have grown by more than GROWTH_MAX over the start.

usage: abuse.py [URL]   (JOVAY_PID: the node's process id, to watch its memory)
"""
import base64
import json
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("RPC_URL", "http://127.0.0.1:8545")
ADDRESS = (urllib.parse.urlparse(URL).hostname, urllib.parse.urlparse(URL).port or 80)
PID = os.environ.get("JOVAY_PID")
# What one body of 5 MiB can become while it is read, on several threads, and the allocator keeps.
GROWTH_MAX = 200 << 20
BODY_MAX = 5 << 20  # the default of rpc_body_max
ANSWER_WITHIN_S = 2.0

PARSE, INVALID, NO_METHOD, PARAMS, LIMIT = -32700, -32600, -32601, -32602, -32005
flows = []
baseline_bytes = 0


def flow(run):
    flows.append(run)
    return run


def connect(timeout=20):
    connection = socket.create_connection(ADDRESS, timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Answers:
    """Reads HTTP answers off a connection."""

    def __init__(self, connection):
        self.file = connection.makefile("rb")

    def next(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("closed without an answer")
        status, headers = int(line.split()[1]), {}
        while (line := self.file.readline().strip()):
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        return status, headers, self.file.read(int(headers.get("content-length", 0)))


def head(length=None, extra=(), content_type="application/json", host="localhost", method="POST"):
    lines = [f"{method} / HTTP/1.1", f"Host: {host}", *extra]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def exchange(body, **kwargs):
    """Sends one request; (status, headers, body) of the answer."""
    body = body if isinstance(body, bytes) else body.encode()
    with connect() as connection:
        try:
            connection.sendall(head(len(body), **kwargs) + body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before everything was read
        return Answers(connection).next()


def post(body):
    """The JSON answer to one request."""
    status, _, answer = exchange(body)
    assert status == 200, f"status {status}: {answer[:200]}"
    return json.loads(answer)


def request(method, *params, id=1):
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}


def rpc(method, *params):
    return post(json.dumps(request(method, *params)))


def code(answer):
    """The error code of an answer, of the first one of a batch."""
    answer = answer[0] if isinstance(answer, list) and answer else answer
    assert "error" in answer, f"no error: {json.dumps(answer)[:200]}"
    assert answer["error"]["message"], "an error without words"
    return answer["error"]["code"]


def resident():
    """Bytes of memory that the node holds; 0 if that is not known."""
    if not PID:
        return 0
    with open(f"/proc/{PID}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) << 10


def settled():
    """The memory held a moment later: the allocator gives back what was freed with a delay."""
    least = resident()
    for _ in range(20):
        if least - baseline_bytes < GROWTH_MAX // 4:
            break
        time.sleep(0.1)
        answers_at_once()
        least = min(least, resident())
    return least


def answers_at_once():
    start = time.monotonic()
    assert int(rpc("eth_chainId")["result"], 16) > 0
    took = time.monotonic() - start
    assert took < ANSWER_WITHIN_S, f"a normal request took {took:.1f} s"


@flow
def malformed_json():
    for body in ["", " ", "{", "}", "[", "nul", "\0", '{"jsonrpc":"2.0",', '"', "\ufeff{}", "{}{}",
                 '{"a":1e999999}', "[1,]", "'", '{"id":1,"id":', "\\", '"\\ud800"']:
        answer = post(body)
        assert code(answer) in (PARSE, INVALID), f"{body!r}: {answer}"
        assert answer["id"] is None
    for body in [b"\xff\xfe\xfd", b"\x00" * 10_000, os.urandom(100_000)]:
        assert code(post(body)) == PARSE


@flow
def not_a_request():
    for value in [1, "text", None, True, {}, {"method": 1}, {"jsonrpc": "1.0", "method": []},
                  {"jsonrpc": "2.0", "method": None, "id": 1}, [], {"jsonrpc": "2.0", "id": 1}]:
        assert code(post(json.dumps(value))) == INVALID, value
    answers = post(json.dumps([1, "a", {}, request("eth_chainId")]))
    assert [answer.get("error", {}).get("code") for answer in answers] == [INVALID] * 3 + [None]
    for params in ["text", 1, True, {"a": 1}]:
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": params}
        assert code(post(json.dumps(call))) in (INVALID, PARAMS), params
    for id in [{}, [1], [[[]]]]:
        assert code(post(json.dumps(request("eth_chainId", id=id)))) == INVALID, id
    assert code(rpc("eth_noSuchMethod")) == NO_METHOD
    long = rpc("x" * 1_000_000)
    assert code(long) == NO_METHOD and len(long["error"]["message"]) < 1_000
    assert code(rpc("eth_getBalance", *range(100_000))) == PARAMS


@flow
def deep_nesting():
    for depth in (10_000, 200_000):
        for opening, closing in ("[", "]"), ('{"a":', "}"):
            deep = opening * depth + "1" + closing * depth
            assert code(post(deep)) in (PARSE, INVALID), depth
            call = '{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[%s]}' % deep
            answer = post(call)  # a member that nobody knows may be skipped, however deep
            assert "result" in answer or code(answer) in (PARSE, INVALID, PARAMS), depth
            assert code(post(call.replace('"id":1', f'"id":{deep}'))) in (PARSE, INVALID), depth
        assert code(post("[" * depth)) in (PARSE, INVALID)


@flow
def a_body_too_large():
    size = 100_000_000
    status, _, answer = exchange(b" " * (BODY_MAX + 1))
    assert status == 413, f"{status}: {answer[:100]}"
    # By Content-Length: refused before it is read.
    with connect() as connection:
        connection.sendall(head(size))
        assert Answers(connection).next()[0] == 413
    # By chunks: refused when the limit is passed.
    with connect() as connection:
        connection.sendall(head(extra=["Transfer-Encoding: chunked"]))
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        sent = 0
        try:
            while sent < size:
                connection.sendall(chunk)
                sent += 0x100000
        except OSError:
            pass
        assert sent < size, "all of it was taken"
    # Complete, in a hurry.
    with connect() as connection:
        try:
            connection.sendall(head(size) + b"[" * size)
        except OSError:
            pass
    for headers in (["Content-Length: -1"], ["Content-Length: 99999999999999999999999"],
                    ["Content-Length: 5", "Content-Length: 6"],
                    ["Transfer-Encoding: chunked", "Content-Length: 3"]):
        with connect() as connection:
            connection.sendall(head(extra=headers) + b"zzz\r\n\r\n")
            try:
                assert Answers(connection).next()[0] >= 400 or "Transfer" in headers[0]
            except (ConnectionError, OSError):
                pass


@flow
def headers_out_of_bounds():
    for extra in (["X: " + "y" * 2_000_000], [f"X{n}: y" for n in range(10_000)]):
        try:
            status, _, _ = exchange("{}", extra=extra)
            assert status >= 400, status
        except (ConnectionError, OSError):
            pass
    for text in (b"\x16\x03\x01" * 1000, b"GET" * 100_000, b"\r\n" * 100_000, os.urandom(100_000)):
        with connect() as connection:
            try:
                connection.sendall(text)
                connection.settimeout(1)
                connection.recv(100)
            except OSError:
                pass


@flow
def wrong_type_method_host_origin():
    body = json.dumps(request("eth_chainId"))
    for kind in ("text/html", "application/xml", "multipart/form-data; boundary=x"):
        assert exchange(body, content_type=kind)[0] == 415, kind
    assert exchange(body, host="evil.example")[0] == 403
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        assert exchange(body, method=method)[0] in (400, 404, 405), method


@flow
def batches():
    call = request("eth_chainId")
    assert len(post(json.dumps([call] * 1000))) == 1000
    answer = post(json.dumps([call] * 1001))
    assert code(answer) == INVALID
    assert code(post("[]")) == INVALID
    assert code(post(json.dumps([1] * 1001))) == INVALID


@flow
def ranges_out_of_bounds():
    huge, zero = hex(2**64 - 1), "0x0"
    for first, last in (zero, huge), (huge, huge), (huge, zero), ("earliest", huge):
        answer = rpc("eth_getLogs", {"fromBlock": first, "toBlock": last})
        assert "result" in answer and answer["result"] == [] or code(answer) < 0
    assert code(rpc("eth_getLogs", {"fromBlock": zero, "toBlock": hex(2**64)})) == PARAMS
    topics = ["0x" + "00" * 32] * 20_000
    assert code(rpc("eth_getLogs", {"topics": [topics]})) in (PARAMS, LIMIT, -32000)
    assert code(rpc("eth_getLogs", {"topics": [[]] * 5})) == PARAMS
    for count in (hex(2**64 - 1), hex(2**63), "0xffffffff"):
        answer = rpc("eth_feeHistory", count, "latest", [25, 75])
        assert "result" in answer and len(answer["result"]["reward"]) <= 1_024 or code(answer) < 0
    assert code(rpc("eth_feeHistory", "0x5", "latest", list(range(101)) * 100)) < 0
    assert code(rpc("eth_feeHistory", hex(2**64), "latest", [])) == PARAMS
    address = "0x" + "11" * 20
    slots = [hex(slot) for slot in range(50_000)]
    assert code(rpc("eth_getProof", address, slots, "latest")) < 0
    assert code(rpc("eth_getBalance", address, huge)) in (PARAMS, -32000)
    assert code(rpc("eth_getBlockByNumber", "0x" + "f" * 1_000_000, False)) == PARAMS
    assert code(rpc("trace_filter", {"fromBlock": zero, "toBlock": huge, "count": 2**63})) < 0 or True
    assert code(rpc("hardhat_mine", huge)) < 0
    assert code(rpc("evm_increaseTime", huge)) < 0


@flow
def execution_out_of_bounds():
    address = "0x" + "22" * 20
    spin = {address: {"code": "0x5b5f56"}}
    grow = {address: {"code": "0x5b63ffffffff5f5f5f5f5f855af1505f56"}}
    memory = {address: {"code": "0x6001637fffffff52"}}
    for code_of in (spin, grow, memory):
        start = time.monotonic()
        answer = rpc("eth_call", {"to": address, "gas": hex(2**63)}, "latest", code_of)
        assert code(answer) < 0 or answer["error"]["code"] == 3
        assert time.monotonic() - start < 15
    calls = [{"to": address, "gas": "0x1c9c380"}] * 1_000
    blocks = [{"stateOverrides": spin, "calls": calls}] * 10
    answer = rpc("eth_simulateV1", {"blockStateCalls": blocks}, "latest")
    assert "error" in answer
    assert code(rpc("eth_simulateV1", {"blockStateCalls": [{}] * 100_000}, "latest")) < 0
    answer = rpc("debug_traceCall", {"to": address, "gas": "0x2faf080"}, "latest",
                 {"stateOverrides": spin, "enableMemory": True})
    assert "error" in answer
    assert code(rpc("debug_traceCall", {"to": address}, "latest", {"tracer": "{while(1){}}"})) < 0


@flow
def unknown_transactions():
    for raw in ("0x", "0x00", "0x05", "0x7f", "0x7fc0", "0xff" * 1, "0xc0", "0x02c0", "0x03c0",
                "0x04c0", "0xf8", "0x02f8ff", "0x" + "c1" * 10_000 + "c0", "0x" + "02" * 1_000_000):
        answer = rpc("eth_sendRawTransaction", raw)
        assert code(answer) in (-32000, PARAMS), (raw[:20], answer)
    for value in ("", "0", "0xz", "0x0" * 3, 1, None, [], {}):
        assert code(rpc("eth_sendRawTransaction", value)) == PARAMS, value


@flow
def idle_sockets():
    idle = []
    try:
        for _ in range(1_000):
            idle.append(connect())
        for number, connection in enumerate(idle):
            if number % 2:  # and half of them slow: a head that does not end
                connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nX-" + b"a" * 20)
        for _ in range(3):
            for connection in idle[1::2]:
                connection.sendall(b"b")
            answers_at_once()
        # Bodies that come byte by byte.
        for connection in idle[1::2]:
            connection.sendall(b": x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        for _ in range(3):
            for connection in idle[1::2]:
                connection.sendall(b" ")
            answers_at_once()
    finally:
        for connection in idle:
            connection.close()


@flow
def requests_in_a_pipeline():
    body = json.dumps(request("eth_blockNumber")).encode()
    count = 2_000
    with connect() as connection:
        one = head(len(body)) + body
        writer = threading.Thread(target=lambda: connection.sendall(one * count), daemon=True)
        writer.start()
        answers = Answers(connection)
        for _ in range(count):
            status, _, answer = answers.next()
            assert status == 200 and "result" in json.loads(answer)
        writer.join()


@flow
def answers_that_nobody_reads():
    body = json.dumps([request("eth_getBlockByNumber", "latest", True)] * 1000).encode()
    waiting = [connect() for _ in range(50)]
    for connection in waiting:
        connection.settimeout(0.5)
        try:
            connection.sendall((head(len(body)) + body) * 3)
        except OSError:
            pass
    answers_at_once()
    for connection in waiting:
        connection.close()


class WebSocket:
    """Just enough of RFC 6455 to be rude."""

    def __init__(self):
        self.connection = connect()
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall(head(content_type=None, method="GET", extra=[
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}"]))
        self.file = self.connection.makefile("rb")
        line = self.file.readline()
        assert b" 101 " in line, line
        while self.file.readline().strip():
            pass

    def send(self, payload, opcode=1, announced=None):
        length = len(payload) if announced is None else announced
        short = length if length < 126 else 126 if length < 1 << 16 else 127
        sized = b"" if short < 126 else struct.pack("!H" if short == 126 else "!Q", length)
        self.connection.sendall(bytes([0x80 | opcode, 0x80 | short]) + sized + bytes(4) + payload)

    def receive(self):
        """The next text; None when the other side closes."""
        while True:
            start = self.file.read(2)
            if len(start) < 2:
                return None
            opcode, length = start[0] & 15, start[1] & 127
            if length >= 126:
                size = 2 if length == 126 else 8
                length = int.from_bytes(self.file.read(size), "big")
            payload = self.file.read(length)
            if opcode == 8:
                return None
            if opcode == 1:
                return payload

    def answer(self):
        while (text := self.receive()) is not None:
            answer = json.loads(text)
            if isinstance(answer, list) or "id" in answer:
                return answer
        raise ConnectionError("closed")

    def close(self):
        self.file.close()
        self.connection.close()


@flow
def subscriptions_beyond_the_limit():
    client = WebSocket()
    granted, refused = 0, 0
    for number in range(400):
        client.send(json.dumps(request("eth_subscribe", "newHeads", id=number)).encode())
        answer = client.answer()
        if "result" in answer:
            granted += 1
        else:
            assert code(answer) in (LIMIT, -32000)
            refused += 1
    assert 1 <= granted <= 200 and refused >= 200, (granted, refused)
    # Still usable.
    client.send(json.dumps(request("eth_chainId")).encode())
    assert "result" in client.answer()
    client.close()


@flow
def subscribers_that_do_not_read():
    clients = [WebSocket() for _ in range(20)]
    for client in clients:
        for number in range(100):
            client.send(json.dumps(request("eth_subscribe", "newHeads", id=number)).encode())
    rpc("hardhat_mine", "0x7d0")
    answers_at_once()
    for client in clients:
        client.close()


@flow
def websocket_messages_too_large():
    client = WebSocket()
    try:
        client.send(b" " * (BODY_MAX + 1_000_000))
        assert client.receive() is None or True
    except OSError:
        pass
    client.close()
    client = WebSocket()
    client.send(b"", announced=2**62)
    client.connection.settimeout(5)
    try:
        assert client.receive() is None
    except TimeoutError:
        raise AssertionError("a message of 2^62 bytes is waited for") from None
    except OSError:
        pass
    client.close()
    client = WebSocket()
    client.send(b"[" * 200_000)
    assert code(client.answer()) in (PARSE, INVALID)
    client.send(json.dumps([request("eth_chainId")] * 1001).encode())
    answer = client.answer()
    assert code(answer) == INVALID
    client.close()
    for opcode in (3, 11, 15):
        client = WebSocket()
        client.send(b"x", opcode=opcode)
        assert client.receive() is None
        client.close()


@flow
def requests_over_websocket_all_at_once():
    client = WebSocket()
    count = 3_000
    text = json.dumps(request("eth_blockNumber")).encode()

    def flood():
        try:
            for _ in range(count):
                client.send(text)
        except OSError:
            pass

    writer = threading.Thread(target=flood, daemon=True)
    writer.start()
    for _ in range(count):
        answer = client.answer()
        assert "result" in answer or code(answer) < 0
    writer.join()
    client.close()


@flow
def filters_without_end():
    last = None
    for _ in range(12):
        answers = post(json.dumps([request("eth_newBlockFilter")] * 1000))
        last = answers[-1]
    assert "result" in last or code(last) in (LIMIT, -32000)


@flow
def what_a_wallet_asks():
    """The calls of a browser wallet, from connecting to a receipt."""
    version, chain = rpc("net_version")["result"], rpc("eth_chainId")["result"]
    assert int(version) == int(chain, 16)
    block = rpc("eth_getBlockByNumber", "latest", False)["result"]
    account = rpc("eth_accounts")["result"][0]
    other = rpc("eth_accounts")["result"][1]
    history = rpc("eth_feeHistory", "0x5", "latest", [10, 20, 30])["result"]
    assert len(history["baseFeePerGas"]) == len(history["reward"]) + 1
    assert int(rpc("eth_getBalance", account, "latest")["result"], 16) > 0
    assert rpc("eth_getCode", other, "latest")["result"] == "0x"
    call = {"from": account, "to": other, "value": "0x1"}
    gas = rpc("eth_estimateGas", call)["result"]
    nonce = rpc("eth_getTransactionCount", account, "pending")["result"]
    cap = hex(2 * int(block["baseFeePerGas"], 16) + 10**9)
    signed = rpc("eth_signTransaction", call | {
        "gas": gas, "nonce": nonce, "maxFeePerGas": cap, "maxPriorityFeePerGas": hex(10**6)})
    hash = rpc("eth_sendRawTransaction", signed["result"]["raw"])["result"]
    end = time.monotonic() + 10
    while not (receipt := rpc("eth_getTransactionReceipt", hash)["result"]):
        assert time.monotonic() < end, "no receipt"
        time.sleep(0.05)
    assert receipt["status"] == "0x1"


def main():
    global baseline_bytes
    answers_at_once()
    baseline = baseline_bytes = resident()
    passed = failed = 0
    only = os.environ.get("ONLY", "")
    for run in flows:
        if only not in run.__name__:
            continue
        start = time.monotonic()
        try:
            run()
            answers_at_once()
            grown = settled() - baseline
            assert grown < GROWTH_MAX, f"memory grew by {grown >> 20} MiB"
            passed += 1
            mark = "ok  "
        except Exception as error:  # whatever it is, the flow failed
            failed += 1
            mark = "FAIL"
            print(f"     {type(error).__name__}: {error}")
        took, memory = time.monotonic() - start, (resident() - baseline) >> 20
        print(f"{mark} abuse: {run.__name__} ({took:.1f} s, {memory:+} MiB)", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
