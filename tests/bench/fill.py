"""A desk at volume, written by the database itself: for the bench, and to look at pages.

    python -m tests.bench.fill --cases 2000

fills the embedded database of VAR with invented cases, people and one large case.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
django.setup()  # before the models can be imported

from django.contrib.auth.models import Group, User  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from cases.models import Case  # noqa: E402
from ingest.models import Batch, Detector  # noqa: E402

HERE = Path(__file__).parent

PEOPLE = [
    ("okafor", "Mina", "Okafor", "lead"),
    ("tanaka", "Riku", "Tanaka", "analyst"),
    ("mbeki", "Lindiwe", "Mbeki", "analyst"),
    ("idris", "Salma", "Idris", "analyst"),
    ("lindqvist", "Jon", "Lindqvist", "lead"),
    ("auditor", "Ada", "Sorel", "auditor"),
]
DETECTORS = [
    ("templates", "Prompt templates", "template", "10 minutes"),
    ("volume", "Volume against peers", "volume", "10 minutes"),
    ("timing", "Synchronous starts", "timing", "1 hour"),
    ("cards", "Payment cards", "payment", "1 day"),
    ("lab-d", "Lab D, by private matching", "partner", None),
]
FIRST = (
    "Slate Quiet Copper Pale Tin Amber Marsh Grey Salt Willow Ash Iron Fallow Birch Opal Reed Low"
    " Dun Chalk Moss Plain Hollow Still Rust Blue Winter Narrow Cedar Flint Upper Green Late Glass"
)
SECOND = (
    "Heron Loom Tern Orchard Lantern Finch Ledger Abacus Meridian Relay Compass Thicket Signal"
    " Arcade Drift Parallax Cistern Harbour Viaduct Ferry Sextant Crane Quarry Garland Pulley Weir "
    " Anvil Causeway Gable Mill Beacon Spindle Kiln Trellis"
)
REASONS = [
    "One template over {a} card ranges; {b} accounts joined within a day",
    "Signature of one session replayed in {b} accounts",
    "Whole pool moved to the new model in {a} h",
    "Rubric grading, {b}0 distinct tasks, flat day and night",
    "Key shared by {b} end users: likely a reseller",
    "Curriculum sweep: {b} of 2,000 slots in order",
    "Name pattern and device shared by {b} fresh accounts",
    "Pool 2 woke {a} h after action O-1{a}",
    "Synchronous starts within 2 s; no shared payment",
    "One harness string in {b} accounts at two hosters",
    "Same {b} prompts before a deadline: homework likely",
    "Rewrites of sensitive questions, {b}0 in {a} days",
]


EVIDENCE = """[
 {"family": "prior", "what": "Before any evidence: 1 account in 3,000 belongs", "bits": -11.6, "capped": false, "members": 0},
 {"family": "template", "what": "T-88 in 94 % of requests", "bits": 6.0, "capped": true, "members": 96},
 {"family": "payment", "what": "Seven virtual card ranges", "bits": 4.8, "capped": false, "members": 80},
 {"family": "timing", "what": "Starts within 2 s of each other", "bits": 2.6, "capped": false, "members": 71},
 {"family": "network", "what": "Two hosting prefixes", "bits": 2.1, "capped": false, "members": 44}
]"""  # noqa: E501


def fill_people() -> list[User]:
    """The cast of the pictures. Their passwords are random: log in as them by session alone."""
    for name, first, last, role in PEOPLE:
        user, made = User.objects.get_or_create(
            username=name, defaults={"first_name": first, "last_name": last}
        )
        if made:
            user.set_password(secrets.token_urlsafe(24))
            user.save()
            user.groups.set([Group.objects.get_or_create(name=role)[0]])
    return list(
        User.objects.filter(username__in=[row[0] for row in PEOPLE]).exclude(username="auditor")
    )


def fill_detectors() -> tuple[list[int], list[int]]:
    """Detectors with two weeks of deliveries: their ids, and the last batch of each."""
    with connection.cursor() as cursor:
        for slug, name, family, expected in DETECTORS:
            cursor.execute(
                """INSERT INTO ingest_detector (token_digest, token_prefix, slug, name, family,
                    version, calibration, enabled, last_heard_at, expected_interval, created_at)
                VALUES ('', '', %s, %s, %s, '1.4', '{}', true,
                    now() - CASE %s WHEN 'timing' THEN interval '5 h' ELSE interval '4 min' END,
                    %s::interval, now() - interval '60 days') ON CONFLICT (slug) DO NOTHING""",
                [slug, name, family, slug, expected],
            )
        detectors = list(
            Detector.objects.filter(slug__in=[row[0] for row in DETECTORS])
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        _run(cursor, "deliveries.sql", {"detectors": detectors})
    batches = [
        Batch.objects.filter(detector=pk).order_by("-received_at").values_list("pk", flat=True)[0]
        for pk in detectors
    ]
    return detectors, batches


@transaction.atomic
def fill_cases(n: int, members_per_case: int | None = None, *, signals: int = 3, hours: int = 20):
    """n cases, six in ten of them open; with members_per_case (give or take half) rows for them.

    Without it the cases have plausible counts and no member rows: what the queue needs. signals and
    hours are for each member.
    """
    people = fill_people()
    since = next_number()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.42)")
        _run(
            cursor,
            "cases.sql",
            {
                "n": n, "firsts": FIRST.split(), "seconds": SECOND.split(), "reasons": REASONS,
                "people": [user.pk for user in people], "rows": EVIDENCE,
                "members": members_per_case,
            },
        )  # fmt: skip
        if members_per_case:
            _fill_members(cursor, since, signals, hours)


@transaction.atomic
def fill_large_case(members: int = 5000, signals: int = 1_000_000, hours: int = 48) -> Case:
    """One case of many members, its signals spread evenly over them."""
    since = next_number()
    fill_cases(1)
    case = Case.objects.get(number__gt=since)
    case.core, case.likely = members * 32 // 100, members * 42 // 100
    case.possible = members - case.core - case.likely
    case.status, case.verdict, case.owner, case.decided_at = (
        Case.Status.NEW,
        "undecided",
        None,
        None,
    )
    case.p_abuse, case.priority, case.harm_per_day = 0.97, 225.0, 186e6
    case.restricted, case.snoozed_until, case.claimed_until = False, None, None
    case.save()
    with connection.cursor() as cursor:
        _fill_members(cursor, case.number, signals // members, hours)
    return case


def next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('cases_case_number')")
        return cursor.fetchone()[0]


def analyse() -> None:
    """What autovacuum and the checkpointer would have done by now; outside of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def _fill_members(cursor, since: int, signals: int, hours: int) -> None:
    detectors, batches = fill_detectors()
    values = {
        "since": since, "rows": EVIDENCE.replace('"what"', '"why"'), "signals": signals,
        "hours": hours, "detectors": detectors, "batches": batches,
    }  # fmt: skip
    _run(cursor, "members.sql", values)


def _run(cursor, script: str, values: dict) -> None:
    for statement in (HERE / script).read_text().split(";\n"):
        if statement.strip():
            cursor.execute(statement, values)


def main() -> None:
    from django.conf import settings

    from analyst import embedded

    if not settings.EMBEDDED_POSTGRES:
        sys.exit(
            "fill invents cases: it writes to an embedded database only, never to DATABASE_URL"
        )
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--members-per-case", type=int, default=None)
    parser.add_argument("--large", action="store_true", help="and one of 5,000 accounts")
    chosen = parser.parse_args()
    embedded.start_postgres(settings.VAR)
    fill_cases(chosen.cases, chosen.members_per_case)
    if chosen.large:
        fill_large_case(signals=50_000)
    analyse()


if __name__ == "__main__":
    main()
