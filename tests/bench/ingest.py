"""Ingest held against the bare database: python -m tests.bench.ingest

Both ways store the same signals, accounts, attributes and uses in the same tables with all their
indexes and foreign keys, from a staging COPY by INSERT … ON CONFLICT. The bare way is handed
finished rows in key order; ours starts from the bytes of a delivery and decodes, checks, digests
and counts. Prints one JSON line per figure. Works in a scratch database of its own and drops it.
"""

import argparse
import gc
import json
import os
import random
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 1, tzinfo=UTC)


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--signals", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=2, help="the best of each way counts")
    options = options.parse_args(argv)
    with scratch_database():
        body = delivery(options.signals)
        note(f"{options.signals} signals, {len(body) / 2**20:.0f} MiB of NDJSON")
        bare, first, replay = [], [], []
        for _ in range(options.rounds):
            bare.append(measure(store_bare, finished_rows(body)))
            first.append(measure(store, body))
            replay.append(measure(store, body, empty=False))
    rate = options.signals / min(first)
    print_figure("ingest_signals_per_second", rate, "signals/s")
    print_figure("ingest_bare_signals_per_second", options.signals / min(bare), "signals/s")
    print_figure("ingest_to_bare_copy", min(bare) / min(first), "ratio", 0.5)
    print_figure("ingest_replay_to_first_load", min(first) / min(replay), "ratio", 1)


def print_figure(name, value, unit, limit=None):
    ok = limit is None or value >= limit
    figure = {"name": name, "value": round(value, 3), "unit": unit, "limit": limit, "ok": ok}
    print(json.dumps(figure), flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)


@contextmanager
def scratch_database():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
    import django
    from django.conf import settings

    django.setup()
    if settings.EMBEDDED_POSTGRES:
        from analyst import embedded

        embedded.start_postgres(settings.VAR)
    from django.core.management import call_command
    from django.db import connection

    home, name = connection.settings_dict["NAME"], f"bench_ingest_{os.getpid()}"
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


def delivery(count):
    """NDJSON as a detector sends it: half as many accounts as signals, three attributes each."""
    dice = random.Random(1)
    lines = []
    for number in range(count):
        day = START + timedelta(days=number % 14)
        used = {"first_at": day.isoformat(), "last_at": (day + timedelta(hours=20)).isoformat()}
        account = dice.randrange(max(1, count // 2))
        record = {
            "ref": f"volume-2026-{number:09}",
            "account": {"id": f"acct-{account:07}", "organisation": f"org-{account // 3:07}"},
            "window_start": day.isoformat(),
            "window_end": (day + timedelta(days=1)).isoformat(),
            "score": round(dice.random(), 4),
            "p_value": round(dice.random() / 100, 8),
            "summary": f"{dice.randrange(5, 90)} times the median of its plan",
            "attributes": [
                {"kind": "ip", "value": f"10.{dice.randrange(9)}.{dice.randrange(256)}.7", **used},
                {"kind": "payment", "value": f"card-{dice.randrange(count // 5 + 1):06}", **used},
                {"kind": "user_agent", "value": f"client/{dice.randrange(400)}", **used},
            ],
            "samples": [{"text": f"Solve task {dice.randrange(10**6)} step by step: " + "x" * 150}],
            "evidence": {"requests": dice.randrange(9000), "median": 40.5, "peers": 1200},
        }
        lines.append(json.dumps(record))
    return "\n".join(lines).encode()


def measure(way, material, *, empty=True):
    from django.db import connection

    if empty:
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE ingest_signal, ingest_attributeuse, ingest_attribute, ingest_account, "
                "ingest_rejection, ingest_batch, ingest_detector CASCADE"
            )
    gc.collect()
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    started = time.perf_counter()
    stored = way(material)
    spent = time.perf_counter() - started
    note(f"{way.__name__}{'' if empty else ' again'}: {spent:.2f} s, {stored} stored")
    return spent


def make_detector():
    from ingest.models import Detector

    fields = {"name": "Volume", "family": "volume", "version": "1"}
    return Detector.objects.get_or_create(slug="volume", defaults=fields)[0]


def store(body):
    from ingest.models import Batch
    from ingest.services import record_signals
    from ingest.wire import NDJSON, decode_delivery

    receipt = record_signals(
        decode_delivery(body, NDJSON), detector=make_detector(), door=Batch.Door.API
    )
    return receipt.stored


def finished_rows(body):
    """What the bare way is handed: rows per table, each value once where the table has it once."""
    signals, accounts, attributes, uses = [], {}, {}, {}
    for line in body.split(b"\n"):
        o = json.loads(line)
        account = o["account"]
        accounts[account["id"]] = (
            account["id"], account["organisation"], o["window_start"], o["window_end"],
        )  # fmt: skip
        signals.append((
            o["ref"], "0" * 64, account["id"], o["window_start"], o["window_end"], o["score"],
            o["p_value"], o["summary"], json.dumps(o["evidence"]), json.dumps(o["samples"]),
        ))  # fmt: skip
        for a in o["attributes"]:
            key = (a["kind"], a["value"])
            attributes[key] = key
            uses[account["id"], *key] = (account["id"], *key, a["first_at"], a["last_at"], 1)
    return (
        ("bare_account", sorted(accounts.values())),
        ("bare_attribute", sorted(attributes.values())),
        ("bare_signal", sorted(signals)),
        ("bare_use", list(uses.values())),
    )


BARE_TABLES = """
    CREATE TEMPORARY TABLE bare_account (
        external_id text COLLATE "C", organisation text, first_at timestamptz, last_at timestamptz
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE bare_attribute (kind text, value text COLLATE "C") ON COMMIT DROP;
    CREATE TEMPORARY TABLE bare_signal (
        ref text, digest text, external_id text COLLATE "C", window_start timestamptz,
        window_end timestamptz, score float8, p_value float8, summary text, evidence jsonb,
        samples jsonb
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE bare_use (
        external_id text COLLATE "C", kind text, value text COLLATE "C", first_at timestamptz,
        last_at timestamptz, count integer
    ) ON COMMIT DROP
"""
BARE_INSERTS = """
    INSERT INTO ingest_account (external_id, organisation, plan, is_aggregate, first_seen_at,
                                last_seen_at, state, state_actor, state_reason)
    SELECT external_id, organisation, '', false, first_at, last_at, 'active', '', ''
    FROM bare_account ON CONFLICT DO NOTHING;
    INSERT INTO ingest_signal (detector_id, batch_id, account_id, ref, body_digest, window_start,
                               window_end, score, p_value, summary, evidence, samples, group_key,
                               detector_version, received_at)
    SELECT {detector}, {batch}, account.id, ref, digest, window_start, window_end, score, p_value,
           summary, evidence, samples, '', '1', now()
    FROM bare_signal JOIN ingest_account AS account USING (external_id) ON CONFLICT DO NOTHING;
    INSERT INTO ingest_attribute (kind, value, label) SELECT kind, value, '' FROM bare_attribute
    ON CONFLICT DO NOTHING;
    INSERT INTO ingest_attributeuse (attribute_id, account_id, first_at, last_at, count)
    SELECT attribute.id, account.id, first_at, last_at, count
    FROM bare_use JOIN ingest_account AS account USING (external_id)
    JOIN ingest_attribute AS attribute USING (kind, value)
    ORDER BY attribute.id, account.id ON CONFLICT DO NOTHING
"""


def store_bare(tables):
    from django.db import connection, transaction

    from ingest.models import Batch, Signal

    with transaction.atomic():
        detector = make_detector()
        batch = Batch.objects.create(detector=detector, door=Batch.Door.API)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute(BARE_TABLES)
            for table, rows in tables:
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            cursor.execute(BARE_INSERTS.format(detector=detector.pk, batch=batch.pk))
    return Signal.objects.count()


if __name__ == "__main__":
    main()
