"""Grouping end to end on PostgreSQL, beside copying its rows out and its result in."""

import contextlib
import io
import os
import time

import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
NEWS = 1_000  # signals: two in five about members of campaigns, the rest about anybody
COPIED = """
SELECT id, organisation, is_aggregate FROM ingest_account;
SELECT a.id, a.kind, a.organisations, a.population, a.census_id FROM ingest_attribute a;
SELECT account_id, attribute_id, first_at, last_at FROM ingest_attributeuse;
SELECT account_id, detector_id, p_value, group_key FROM ingest_signal
"""
RESULT = ("cases_member", "cases_link", "cases_lookedat", "cases_searchedby")


def tables(bench, planted) -> None:
    """A scratch database with the world in it; a full run, one with news, and the copies."""
    import django

    django.setup()
    from django.conf import settings
    from django.test.runner import DiscoverRunner

    from analyst import embedded

    if settings.EMBEDDED_POSTGRES:
        embedded.start_postgres(settings.VAR)
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = "bench_grouping"
    runner = DiscoverRunner(verbosity=0, interactive=False)
    with contextlib.redirect_stderr(io.StringIO()):
        databases = runner.setup_databases()
    try:
        fill(planted)
        _measure(bench, planted)
    finally:
        runner.teardown_databases(databases)


def _measure(bench, planted) -> None:
    from cases.services.group import group_new_signals

    begin = time.perf_counter()
    run = group_new_signals()
    full = time.perf_counter() - begin
    copies = _copy_out() + _copy_in()
    bench.tell("grouping_full_over_copies", round(full / copies, 2), "ratio", 3.0)
    bench.tell("grouping_full_seconds", round(full, 1), f"s, {run.signals} signals taken")
    bench.tell("grouping_copies_seconds", round(copies, 1), "s, rows out and result in")
    _news(planted)
    begin = time.perf_counter()
    run = group_new_signals()
    took = time.perf_counter() - begin
    touched = f"{run.report['clusters']} cases touched"
    bench.tell("grouping_news_over_full", round(took / full, 3), f"ratio, {touched}", 0.05)
    bench.tell("grouping_news_seconds", round(took, 2), f"s, {run.signals} signals")
    again = group_new_signals(full=True)
    differs = again.report["difference"]
    bench.tell("grouping_full_differs", len(differs), "cases, from scratch against stored", 0)


def _copy_out() -> float:
    from django.db import connection

    seconds = 0.0
    with connection.cursor() as wrapped, wrapped.connection.cursor() as cursor:
        for query in COPIED.split(";"):
            begin = time.perf_counter()
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
                for _ in copy:
                    pass
            seconds += time.perf_counter() - begin
    return seconds


def _copy_in() -> float:
    """The rows of the result into tables with the same columns and indexes."""
    from django.db import connection

    seconds = 0.0
    with connection.cursor() as wrapped, wrapped.connection.cursor() as cursor:
        for table in RESULT:
            cursor.execute(f"CREATE TABLE copy_of (LIKE {table} INCLUDING INDEXES)")
            with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                data = b"".join(copy)
            begin = time.perf_counter()
            with cursor.copy("COPY copy_of FROM STDIN (FORMAT binary)") as copy:
                copy.write(data)
            seconds += time.perf_counter() - begin
            cursor.execute("DROP TABLE copy_of")
    return seconds


def fill(planted) -> None:
    """The world's rows, written by the database itself."""
    from django.db import connection, transaction

    from cases.grouping.rarity import FAMILIES, KIND_CODE, KINDS
    from cases.services.group_copy import copy_in
    from ingest.models import Batch, Census, Detector
    from tests.base import NOON
    from tests.bench.worlds import DAY, DAYS

    facts = planted.facts
    with transaction.atomic(), connection.cursor() as cursor:
        census = Census.objects.create(
            as_of=NOON, window_start=NOON, window_end=NOON,
            accounts=len(facts.account), organisations=int(facts.party.max()) + 1,
        )  # fmt: skip
        cursor.execute("CREATE TEMPORARY TABLE raw (a bigint, b bigint, c bigint, d bigint)")

        def raw(*columns):
            cursor.execute("TRUNCATE raw")
            names = "abcd"[: len(columns)]
            copy_in("raw", " ".join(names), "i" * len(columns), *columns)

        raw(facts.account, facts.party, facts.aggregate)
        cursor.execute(
            "INSERT INTO ingest_account (id, external_id, organisation, plan, is_aggregate, state,"
            " state_actor, state_reason)"
            " SELECT a, 'a-' || a, 'o-' || b, '', c = 1, 'active', '', '' FROM raw"
        )
        network = facts.networks(facts.attribute)
        order = np.argsort(network, kind="stable")
        first = np.searchsorted(network[order], network[order])
        place = np.zeros(len(network), dtype=np.int64)
        place[order] = np.arange(len(network)) - first
        address = np.where(network < 0, -1, (network << 8) + place % 256)
        raw(facts.attribute, facts.kind, facts.carriers.astype(np.int64), address)
        cursor.execute(
            "INSERT INTO ingest_attribute (id, kind, value, label, accounts, organisations,"
            " population, census_id)"
            " SELECT a, (%s::text[])[b + 1], CASE WHEN b = %s THEN host('0.0.0.0'::inet + d)"
            " WHEN b = %s THEN host('0.0.0.0'::inet + d) || '/24' ELSE 'v-' || a END,"
            " '', c, c, %s, %s FROM raw",
            [
                list(KINDS), KIND_CODE["ip"], KIND_CODE["ip_prefix"], census.accounts, census.pk,
            ],
        )  # fmt: skip
        raw(
            facts.account[facts.use_account], facts.attribute[facts.use_attribute],
            facts.use_first, facts.use_last,
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO ingest_attributeuse (account_id, attribute_id, first_at, last_at, count)"
            " SELECT a, b, to_timestamp(%(start)s + c), to_timestamp(%(start)s + d), 1 FROM raw",
            {"start": NOON.timestamp() - DAYS * DAY},
        )
        detectors = {
            family: Detector.objects.create(slug=family, name=family, family=family, version="1")
            for family in ("template", "volume", "behaviour")
        }
        batch = Batch.objects.create(detector=detectors["volume"], door=Batch.Door.LOGS)
        keys = np.array([getattr(detectors.get(name), "pk", 0) for name in FAMILIES])
        tenths = (1e9 * facts.signal_p).astype(np.int64)
        raw(facts.account[facts.signal_account], keys[facts.signal_family], tenths)
        cursor.execute(
            "INSERT INTO ingest_signal (detector_id, ref, account_id, batch_id, body_digest,"
            " window_start, window_end, score, p_value, summary, evidence, samples, group_key,"
            " detector_version, received_at)"
            " SELECT b, 's-' || row_number() OVER (), a, %s, '', now(), now(), 0.5, c / 1e9,"
            " 'seen', '{}', '[]', '', '1', now() FROM raw",
            [batch.pk],
        )
        for table in ("account", "attribute", "attributeuse", "signal"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('ingest_{table}', 'id'),"
                f" (SELECT max(id) FROM ingest_{table}))"
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _news(planted) -> None:
    """New signals through the detectors' door; half of them bring an attribute that is new to the
    account."""
    from datetime import timedelta

    from ingest.models import Attribute, Batch, Detector
    from ingest.services import record_signals
    from ingest.wire import AccountRef, Observation, SharedAttribute
    from tests.base import NOON

    rng = np.random.default_rng(1)
    ids = planted.facts.account
    labelled = np.array([pk for pk, name in planted.label.items() if name])
    who = np.concatenate(
        [
            rng.choice(labelled, min(2 * NEWS // 5, len(labelled)), replace=False),
            rng.choice(ids, NEWS - min(2 * NEWS // 5, len(labelled)), replace=False),
        ]
    )
    homes = list(Attribute.objects.filter(kind="ip")[: NEWS // 2].values_list("value", flat=True))
    observations = [
        Observation(
            ref=f"n-{place}",
            account=AccountRef(id=f"a-{pk}"),
            window_start=NOON - timedelta(days=1),
            window_end=NOON,
            score=0.5,
            summary="seen",
            p_value=1e-3,
            attributes=[SharedAttribute(kind="ip", value=homes[place // 2])] if place % 2 else [],
        )
        for place, pk in enumerate(who.tolist())
    ]
    record_signals(observations, detector=Detector.objects.get(slug="volume"), door=Batch.Door.API)
