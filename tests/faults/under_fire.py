"""Orders under fire, full size: python -m tests.faults.under_fire [--items 10000] [--kills 50]

Orders for three platforms (tests/faults/target.py) are carried out while workers and their pool
children are killed, the broker is killed and wiped, and the database is killed. Has a database and
a broker of its own in a folder of its own, and leaves none. Prints one JSON line; exit 1 when a
promise is broken. The same seed gives the same faults and the same choice of whom to kill; when a
kill meets what, the machine decides.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 1.0  # seconds of a request: a time-out of the target holds longer
LEASE = 8.0
SWEEP = 1.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--items", type=int, default=10_000)
    options.add_argument("--kills", type=int, default=50, help="of workers and of pool children")
    options.add_argument("--broker", type=int, default=5, help="times it is killed and wiped")
    options.add_argument("--database", type=int, default=3, help="times it is killed")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--longest", type=float, default=1_800, help="seconds, then it failed")
    options = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stillwatch-fire-"))
    os.environ |= {
        "VAR": str(folder / "var"), "DJANGO_SETTINGS_MODULE": "analyst.settings",
        "SWEEP_SECONDS": str(SWEEP), "HURRIED": f"{PATIENCE},{LEASE}", "LOG_LEVEL": "ERROR",
    }  # fmt: skip
    for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    fire = Fire(folder, options)
    try:
        return fire.run()
    finally:
        fire.stop()
        stop_services(folder / "var")
        shutil.rmtree(folder, ignore_errors=True)


class Fire:
    def __init__(self, folder: Path, options):
        self.folder, self.options = folder, options
        self.file, self.env = folder / "target.jsonl", os.environ
        self.dice = random.Random(options.seed)
        self.names = ("a", "b")  # of the workers, each with a beat and two pool children
        self.workers: list[subprocess.Popen] = []
        self.target: subprocess.Popen | None = None
        self.waits: list[float] = []
        self.killed = {"workers": 0, "children": 0, "broker": 0, "database": 0}

    def run(self) -> int:
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        from analyst import embedded

        embedded.start_postgres(settings.VAR)
        embedded.start_valkey(settings.VAR)
        call_command("migrate", verbosity=0)
        self.start_target()
        self.fill()
        return self.tell(self.burn())

    def start_target(self) -> None:
        self.target = subprocess.Popen(
            [
                sys.executable, "-m", "tests.faults.target", "--file", str(self.file), "--seed",
                str(self.options.seed), "--hold", str(PATIENCE + 1), "--delay", "0.005",
            ],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def fill(self) -> None:
        from tests.faults.load import fill_orders

        port = int(self.target.stdout.readline().split()[1])
        tenth = self.options.items // 10
        fill_orders(
            port,
            {"keyed": (3 * tenth, ["limit", "suspend"]), "readable": (2 * tenth, ["suspend"]),
             "blind": (2 * tenth, ["suspend"])},
        )  # fmt: skip

    def worker(self, name: str) -> subprocess.Popen:
        log = open(self.folder / f"{name}.log", "ab")  # noqa: SIM115 - as long as the worker
        return subprocess.Popen(
            [
                sys.executable, "-m", "tests.faults.hurried", "worker", "--beat", "--concurrency",
                "2", "--schedule", str(self.folder / f"{name}.schedule"), "--loglevel", "ERROR",
                "--without-mingle", "--without-gossip", "--hostname", f"{name}@fire",
            ],
            env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip

    def burn(self) -> float:
        """Kill, spread over the work, until all is done. Returns the seconds that it took."""
        options, began = self.options, time.monotonic()
        self.workers = [self.worker(name) for name in self.names]
        plan = ["worker", "child"] * (options.kills // 2) + ["broker"] * options.broker
        plan += ["database"] * options.database
        self.dice.shuffle(plan)
        total = self.open_items()
        for place, what in enumerate(plan):
            # the kills are spread over the work: each waits until its share of it is done
            share = total * (1 - (place + 1) / (len(plan) + 1))
            self.wait(lambda at=share: self.open_items() <= at, began)
            getattr(self, f"kill_{what}")()
        self.wait(lambda: not self.open_items() and not self.open_orders(), began)
        return time.monotonic() - began

    def kill_worker(self, place: int | None = None) -> None:
        place = self.dice.randrange(len(self.workers)) if place is None else place
        victim = self.workers[place]
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        self.workers[place] = self.worker(self.names[place])
        self.killed["workers"] += 1

    def kill_child(self) -> None:
        """One pool child; a worker that is just starting has none yet."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            found = [pid for worker in self.workers for pid in children_of(worker.pid)]
            if found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.dice.choice(found), signal.SIGKILL)
                    self.killed["children"] += 1
                return
            time.sleep(0.2)
        raise SystemExit("no worker has a pool child: see the logs")

    def wipe_broker(self) -> None:
        from django.conf import settings

        from analyst import embedded

        data = settings.VAR / "valkey"
        kill_and_wait(int((data / "valkey.pid").read_text()))
        for path in data.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        embedded.start_valkey(settings.VAR)

    def kill_broker(self) -> None:
        """Kill and wipe it; until the first work afterwards is the time that counts."""
        # the workers too, so that what goes on goes on from the rows alone
        for place in range(len(self.workers)):
            self.kill_worker(place)
        self.wipe_broker()
        before, start = self.arrived(), time.monotonic()
        while self.arrived() == before and self.open_items() and time.monotonic() < start + 120:
            time.sleep(0.1)
        self.waits.append(time.monotonic() - start)
        self.killed["broker"] += 1

    def kill_database(self) -> None:
        from django.conf import settings
        from django.db import connection

        from analyst import embedded

        connection.close()
        pid = int((settings.VAR / "postgres" / "postmaster.pid").read_text().split()[0])
        kill_and_wait(pid)
        embedded.start_postgres(settings.VAR)
        self.killed["database"] += 1

    def arrived(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def open_items(self) -> int:
        from cases.models import EnforcementItem
        from cases.services.lease import OPEN

        return EnforcementItem.objects.filter(OPEN).count()

    def open_orders(self) -> bool:
        from cases.models import Enforcement

        return Enforcement.objects.filter(finished_at=None).exists()

    def wait(self, condition, began: float) -> None:
        while not condition():
            if time.monotonic() > began + self.options.longest:
                logs = "".join(
                    path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log")
                )
                raise SystemExit(f"after {self.options.longest} s {self.open_items()} open. {logs}")
            time.sleep(0.1)

    def tell(self, seconds: float) -> int:
        from django.db.models import Count

        from cases.models import EnforcementItem
        from tests.faults.checker import problems

        found = problems(self.file)
        states = EnforcementItem.objects.values_list("enforcement__connector__slug", "state")
        counts = {
            f"{slug} {state}": count
            for slug, state, count in states.annotate(n=Count("pk")).order_by(
                "enforcement__connector__slug", "state"
            )
        }
        for problem in found[:20]:
            print(problem, file=sys.stderr)
        late = max(self.waits, default=0.0)
        ok = not found and late <= 60
        figure = {
            "name": "orders_under_fire_problems", "value": len(found), "limit": 0, "ok": ok,
            "seed": self.options.seed, "items": sum(counts.values()), "states": counts,
            "killed": self.killed, "seconds": round(seconds),
            "first_work_after_a_wiped_broker_s": round(late, 1),
            "requests": len(self.file.read_bytes().splitlines()),
        }  # fmt: skip
        print(json.dumps(figure), flush=True)
        return 0 if ok else 1

    def stop(self) -> None:
        """End the workers and the target."""
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self.target:
            self.target.kill()
            self.target.wait()


def stop_services(var: Path) -> None:
    from analyst import embedded

    embedded.stop(var.resolve())


def children_of(pid: int) -> list[int]:
    """The processes that a worker has forked; its beat is one of them."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def kill_and_wait(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
