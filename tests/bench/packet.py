"""An evidence packet at volume: seconds and memory to seal it, seconds to verify it. JSON lines."""

import json
import os
import resource
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")

import django

django.setup()

import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

from analyst import embedded  # noqa: E402
from cases.evidence.verify import verify  # noqa: E402
from cases.services.seal import request_packet, seal_packet  # noqa: E402
from tests.bench import fill  # noqa: E402
from tests.bench.pages import bench_database, calibration  # noqa: E402

MEMBERS, SIGNALS = 5_000, 100_000


def main() -> None:
    if settings.EMBEDDED_POSTGRES:
        embedded.start_postgres(settings.VAR)
    with bench_database("packet"), tempfile.TemporaryDirectory() as media:
        settings.MEDIA_ROOT = media
        measure()


def measure() -> None:
    case = fill.fill_large_case(MEMBERS, SIGNALS)
    fill.analyse()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    packet = request_packet(case, actor=User.objects.get(username="okafor"))
    start = time.perf_counter()
    assert seal_packet(packet.pk)
    tell("packet_seal_s", time.perf_counter() - start, "s", 60)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tell("packet_peak_mib", peak / 1024, "MiB", 1024, before_mib=round(before / 1024))
    packet.refresh_from_db()
    start = time.perf_counter()
    problems = verify(Path(packet.file.path))
    tell(
        "packet_verify_s", time.perf_counter() - start, "s", 10,
        problems=problems, mib=round(packet.size / 2**20, 1),
    )  # fmt: skip


def tell(name: str, value: float, unit: str, limit: float, **beside) -> None:
    ok = value <= limit and not beside.get("problems")
    figure = {
        "name": name, "value": round(value, 2), "unit": unit, "limit": limit, "ok": ok,
        "calibration": calibration(), "members": MEMBERS, "signals": SIGNALS, **beside,
    }  # fmt: skip
    print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
