"""Server time of the two pages that a desk lives on, at volume: JSON lines.

Measured through the test client: middleware, queries and rendering, without the network. The
calibration beside each figure is a fixed loop of Python and of SQL on the same machine.
"""

import contextlib
import json
import os
import statistics
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from analyst import embedded  # noqa: E402
from tests.bench import fill  # noqa: E402

CASES, MEMBERS, SIGNALS = 100_000, 5_000, 1_000_000
ROUNDS = 60


def main() -> None:
    if settings.EMBEDDED_POSTGRES:
        embedded.start_postgres(settings.VAR)
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.ALLOWED_HOSTS = ["testserver"]  # and no test environment: it instruments templates
    with bench_database("pages"):
        measure()


@contextlib.contextmanager
def bench_database(what: str):
    """A migrated database of this process's own, gone afterwards."""
    home, name = connection.settings_dict["NAME"], f"bench_{what}_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = home
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.close()


def measure() -> None:
    fill.fill_cases(3, 4)
    client = Client()
    client.force_login(User.objects.get(username="okafor"))
    few = queries(client, "/")
    fill.fill_cases(CASES)
    fill.analyse()
    many = queries(client, "/")
    tell("queue_page_p95_ms", 50, **times(client, "/"), cases=CASES, queries=many)
    tell("queue_page_queries_grow_by", 0, value=many - few, sizes=[3, CASES])

    small = fill.fill_large_case(members=20, signals=200)
    few = queries(client, f"/cases/{small.ref}/")
    large = fill.fill_large_case(MEMBERS, SIGNALS)
    fill.analyse()
    page = f"/cases/{large.ref}/"
    many = queries(client, page)
    size = {"members": MEMBERS, "signals": SIGNALS}
    tell("case_page_p95_ms", 150, **times(client, page), **size, queries=many)
    tell("case_page_queries_grow_by", 0, value=many - few, sizes=[20, MEMBERS])


def times(client: Client, path: str) -> dict:
    """The 95th percentile as the figure, the median beside it; warm, one request at a time."""
    taken = []
    for _ in range(ROUNDS + 5):
        start = time.perf_counter()
        response = client.get(path)
        taken.append(1000 * (time.perf_counter() - start))
        assert response.status_code == 200, (path, response.status_code)
    warm = taken[5:]
    median = round(statistics.median(warm), 1)
    return {"value": statistics.quantiles(warm, n=20)[-1], "median": median}


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200, path
    return len(captured)


def calibration() -> dict:
    """Milliseconds of a fixed loop in Python, and of a fixed sum in PostgreSQL."""
    start = time.perf_counter()
    total = 0
    for i in range(1_000_000):
        total += i * i % 7
    python = time.perf_counter() - start
    start = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(mod(i * i, 7)) FROM generate_series(1, 300000::bigint) AS i")
    return {
        "python_ms": round(1000 * python, 1),
        "sql_ms": round(1000 * (time.perf_counter() - start), 1),
    }


def tell(name: str, limit: float, *, value: float, **beside) -> None:
    unit = "ms" if name.endswith("_ms") else "queries"
    figure = {
        "name": name, "value": round(value, 1), "unit": unit, "limit": limit, "ok": value <= limit,
        "calibration": calibration(), **beside,
    }  # fmt: skip
    print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
