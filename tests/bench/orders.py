"""Delivery of orders: items a second through one worker, and its memory. JSON lines.

The target runs beside it, answers each request in 5 ms and fails nothing. An item takes three
requests: what the account is, the order, and what it is then.
"""

import json
import os
import resource
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")

import django

django.setup()

import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from django.conf import settings  # noqa: E402

from analyst import embedded  # noqa: E402
from cases.models import EnforcementItem  # noqa: E402
from cases.services.deliver import deliver_due  # noqa: E402
from tests.bench.pages import bench_database, calibration  # noqa: E402
from tests.faults.load import fill_orders  # noqa: E402

ITEMS, ANSWER_SECONDS = 10_000, 0.005
PER_SECOND, GROWN_MIB = 200, 16


def main() -> None:
    if settings.EMBEDDED_POSTGRES:
        embedded.start_postgres(settings.VAR)
    with bench_database("orders"), tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "tests.faults.target", "--well", "--delay", str(ANSWER_SECONDS),
            "--file", str(Path(folder, "orders.jsonl")),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as target:
            try:
                measure(int(target.stdout.readline().split()[1]))
            finally:
                target.kill()


def measure(port: int) -> None:
    fill_orders(port, {"keyed": (ITEMS, ["limit"])})
    done, spent, cpu = 0, 0.0, 0.0
    grown_from = 0
    while done < ITEMS:
        start, used = time.perf_counter(), time.process_time()
        done += deliver_due(ITEMS // 10, seconds=600)
        spent += time.perf_counter() - start
        cpu += time.process_time() - used
        grown_from = grown_from or memory()  # after the first tenth: what is loaded, is loaded
    left = EnforcementItem.objects.exclude(state="done").count()
    tell("orders_items_per_second", ITEMS / spent, "items/s", PER_SECOND, left=left)
    tell("orders_items_per_cpu_second", ITEMS / cpu, "items/s", PER_SECOND, left=left)
    tell("orders_memory_grown_mib", memory() - grown_from, "MiB", GROWN_MIB, most=True)


def memory() -> float:
    """Peak resident MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tell(name: str, value: float, unit: str, limit: float, *, most=False, left=0) -> None:
    ok = (value <= limit if most else value >= limit) and not left
    figure = {
        "name": name, "value": round(value, 1), "unit": unit, "limit": limit, "ok": ok,
        "calibration": calibration(), "items": ITEMS,
    }  # fmt: skip
    print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
