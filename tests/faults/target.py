"""A platform that fails on purpose and writes down what reaches it: python -m tests.faults.target

Three platforms in one, by the first segment of the address: /keyed honours the idempotency key and
can be read, /readable honours no key, /blind does neither. What a request meets is drawn from the
seed, its key and how often that key came, so that a run can be had again. Each POST is one line of
the file: {"at", "platform", "key", "account", "state", "nth", "fault", "effect"}.
"""

import argparse
import asyncio
import json
import random
import socket
import struct
import time
from collections import Counter
from urllib.parse import unquote

# chance of each; the rest is well
FAULTS = {
    "500-before-effect": 0.025,
    "500-after-effect": 0.025,
    "time-out-after-effect": 0.02,
    "reset-before-effect": 0.005,
    "reset-after-effect": 0.005,
    "429": 0.003,
    "redirect": 0.003,
}
AFTER = "-after-effect"


class Target:
    """What the platforms were told. faults: chances by name; hold: seconds of a time-out."""

    def __init__(self, file, *, seed: int, faults: dict[str, float], hold: float, delay: float):
        self._file = open(file, "ab", buffering=0)  # noqa: SIM115 - as long as the process
        self.seed, self.faults, self.hold, self.delay = seed, faults, hold, delay
        self._states: dict[tuple[str, str], str] = {}
        self._came: Counter[str] = Counter()
        self._done: set[str] = set()

    def order(self, platform: str, key: str, body: dict) -> tuple[str, bool]:
        """Take one order: (the fault that its answer meets, whether it took effect now)."""
        account, state = body["data"]["account"], body["data"]["state"]
        self._came[key] += 1
        fault = self._fault(key, self._came[key])
        repeated = platform == "keyed" and key in self._done
        effect = not repeated and (not fault or fault.endswith(AFTER))
        if effect:
            self._done.add(key)
            self._states[platform, account] = state
        line = {
            "at": time.time(), "platform": platform, "key": key, "account": account,
            "state": state, "nth": self._came[key], "fault": fault, "effect": effect,
        }  # fmt: skip
        self._file.write(json.dumps(line).encode() + b"\n")
        return fault, effect

    def state(self, platform: str, account: str) -> str:
        return self._states.get((platform, account), "active")

    def _fault(self, key: str, nth: int) -> str:
        at = random.Random(f"{self.seed}:{key}:{nth}").random()
        for fault, chance in self.faults.items():
            at -= chance
            if at < 0:
                return fault
        return ""


class Connection(asyncio.Protocol):
    """One request, one answer."""

    def __init__(self, target: Target):
        self._target, self._buffer = target, b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        if len(rest) < int(headers.get("content-length", 0)):
            return
        method, path, _ = first.split(" ")
        loop = asyncio.get_running_loop()
        loop.call_later(self._target.delay, self._answer, method, path, headers, rest)

    def _answer(self, method, path, headers, body):
        platform = path.split("/")[1]
        if method == "GET":
            account = unquote(path.rsplit("/", 1)[1])
            said = {"account": account, "state": self._target.state(platform, account)}
            self._say(200, said)
            return
        fault, _ = self._target.order(platform, headers["webhook-id"], json.loads(body))
        if fault == "429":
            self._say(429, {}, "Retry-After: 1\r\n")
        elif fault == "redirect":
            self._say(307, {}, "Location: /elsewhere\r\n")
        elif fault.startswith("500"):
            self._say(500, {})
        elif fault.startswith("time-out"):
            asyncio.get_running_loop().call_later(self._target.hold, self._transport.abort)
        elif fault.startswith("reset"):
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._say(200, {"ok": True})

    def _say(self, status, content, more=""):
        body = json.dumps(content).encode()
        head = (
            f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()


async def serve(port: int, target: Target) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(target), "127.0.0.1", port, backlog=512)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--file", required=True)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--hold", type=float, default=10.0, help="seconds of a time-out")
    options.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    options.add_argument("--well", action="store_true", help="no faults at all")
    options = options.parse_args()
    target = Target(
        options.file, seed=options.seed, faults={} if options.well else FAULTS,
        hold=options.hold, delay=options.delay,
    )  # fmt: skip
    asyncio.run(serve(options.port, target))


if __name__ == "__main__":
    main()
