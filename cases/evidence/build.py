"""Builds a packet in a folder, step by step, from one consistent snapshot of the database."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection, transaction

from cases.evidence import files
from cases.evidence.bag import README, write_tags, zip_bag
from cases.evidence.report import as_html, as_pdf, compose, people
from cases.models import Case

STEPS = (
    "members", "shared attributes", "signals", "activity", "timeline", "decisions and actions",
    "case", "report", "PDF", "checksums", "zip",
)  # fmt: skip


@contextlib.contextmanager
def snapshot():
    """Read everything as of one moment, and nothing but read. Gives that moment.

    Inside a caller's transaction the moment is the caller's.
    """
    own = not connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if own:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT clock_timestamp()")  # the first query takes the snapshot
            moment = cursor.fetchone()[0]
        yield moment


def build_packet(
    case_pk: int, folder: Path, *, by: str, step: Callable[[str], None], beat: Callable[[], None]
) -> tuple[Path, datetime, dict]:
    """Write the zip under folder: (its path, the moment it holds, the last event it holds)."""
    with snapshot() as as_of:
        case = Case.objects.get(pk=case_pk)
        root = folder / f"{case.ref}-{as_of:%Y%m%dT%H%M%SZ}"
        data = root / "data"
        data.mkdir(parents=True)
        step("members")
        files.write_members(case, data, beat)
        step("shared attributes")
        files.write_links(case, data, beat)
        step("signals")
        files.write_signals(case, data, beat)
        step("activity")
        per_day = files.write_activity(case, data, beat)
        step("timeline")
        events = files.write_timeline(case, data, beat)
        head = events[-1]
        step("decisions and actions")
        files.write_decisions(case, data, beat)
        files.write_orders(case, data, beat)
        files.write_shares(case, data, beat)
        step("case")
        about = {
            "as_of": as_of,
            "sealed_for": by,
            "chain": {"seq": head["seq"], "hash": head["hash"]},
            "prompts": "left out",
        }
        files.write_case(case, data, about)
        step("report")
        report = compose(case, as_of=as_of, events=events, per_day=per_day, by=by)
    (data / "report.html").write_text(as_html(report), encoding="utf-8")
    step("PDF")
    (data / "report.pdf").write_bytes(as_pdf(report, as_of=as_of))
    step("checksums")
    info = [
        ("Bagging-Date", f"{as_of:%Y-%m-%d}"),
        ("External-Identifier", case.ref),
        ("Internal-Sender-Description", f"Stillwatch case {case.ref} as of {people(as_of)}"),
        ("Stillwatch-As-Of", as_of.astimezone(UTC).isoformat()),
        ("Stillwatch-Chain-Seq", str(head["seq"])),
        ("Stillwatch-Chain-Head", head["hash"]),
    ]
    readme = README.format(ref=case.ref, as_of=people(as_of), seq=head["seq"], head=head["hash"])
    write_tags(root, info=info, readme=readme)
    step("zip")
    target = folder / f"{root.name}.zip"
    zip_bag(root, target, at=as_of, beat=beat)
    return target, as_of, head
