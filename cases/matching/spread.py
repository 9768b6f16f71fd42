"""One's own set over all cores: it takes a core some ten seconds for 100,000 items.

A worker of Celery may have no children by multiprocessing, so these are plain processes; secret
and items reach them through a pipe, never through an argument that others could list.
"""

import contextlib
import importlib
import os
import subprocess
import sys
from pathlib import Path

ITEM, TAG = 32, 16
WORTH_IT = 8_192  # items; below that a process costs more than it saves
MOST = 8
SEED = 32
ROOT = Path(__file__).resolve().parents[2]
PARTS = ("count", "reveal")


def spread(part: str, items: list[bytes], secret: bytes) -> list[bytes]:
    """The tags of the items in their order, by own_tags of the module named."""
    cores = min(MOST, os.cpu_count() or 1, max(1, len(items) // (WORTH_IT // 2)))
    if len(items) < WORTH_IT or cores == 1:
        return importlib.import_module(f"cases.matching.{part}").own_tags(items, secret)
    size = -(-len(items) // cores)
    found = []
    with contextlib.ExitStack() as stack:
        workers = []
        for start in range(0, len(items), size):
            worker = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "cases.matching.spread", part],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=ROOT,
                )
            )
            stack.callback(worker.kill)  # those that are done are not there to be killed
            # a worker reads all before it writes, so no pipe fills up against another
            worker.stdin.write(secret + b"".join(items[start : start + size]))
            worker.stdin.close()
            workers.append(worker)
        for worker in workers:
            found.append(worker.stdout.read())
            if worker.wait():
                raise RuntimeError(f"a matching process ended with {worker.returncode}")
    blob = b"".join(found)
    if len(blob) != TAG * len(items):
        raise RuntimeError("a matching process gave too few tags")
    return [blob[i : i + TAG] for i in range(0, len(blob), TAG)]


def main() -> None:
    part = sys.argv[1]
    if part not in PARTS:
        raise SystemExit(f"no part {part}")
    told = sys.stdin.buffer.read()
    secret, body = told[:SEED], told[SEED:]
    items = [body[i : i + ITEM] for i in range(0, len(body), ITEM)]
    module = importlib.import_module(f"cases.matching.{part}")
    sys.stdout.buffer.write(b"".join(module.own_tags(items, secret)))


if __name__ == "__main__":
    main()
