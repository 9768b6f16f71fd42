"""Builds a packet in a folder, step by step, from one consistent snapshot of the database.

The snapshot is the packet's own data: what is made of it afterwards (reports, manifests, zip) is a
function of those files, so that anybody can build it again to the same bytes.
"""

import contextlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from django.db import connection, transaction

from cases.evidence import acts, files
from cases.evidence.bag import PUBLIC_KEY, README, SIGNATURE, sign, write_tags, zip_bag
from cases.evidence.profiles import Profile
from cases.evidence.report import as_html, as_pdf, compose, people
from cases.evidence.sheets import Data, to_json
from cases.models import Case

STEPS = (
    "members", "shared attributes", "signals", "activity", "timeline", "decisions and actions",
    "case", "report", "PDF", "checksums and signature", "zip",
)  # fmt: skip
REPORT = "data/report.json"


class Signer(NamedTuple):
    """A key that signs bytes (Ed25519), its id, and its public half as PEM."""

    key_id: str
    sign: Callable[[bytes], bytes]
    public_pem: bytes


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
    case_pk: int,
    folder: Path,
    *,
    by: str,
    profile: Profile,
    secret: bytes,
    signer: Signer,
    step: Callable[[str], None],
    beat: Callable[[], None],
) -> tuple[Path, datetime, dict]:
    """Write the zip under folder: (its path, the moment it holds, the last event it holds).

    secret: makes the codes that stand for accounts where the profile hides their names.
    """
    with snapshot() as as_of:
        case = Case.objects.get(pk=case_pk)
        root = folder / f"{case.ref}-{as_of:%Y%m%dT%H%M%SZ}"
        (root / "data").mkdir(parents=True)
        data = Data(root / "data", profile, secret=secret, beat=beat)
        step("members")
        files.write_members(case, data)
        step("shared attributes")
        files.write_links(case, data)
        step("signals")
        files.write_signals(case, data)
        step("activity")
        per_day = files.write_activity(case, data)
        step("timeline")
        events = files.write_timeline(case, data)
        files.write_custody(events, data)
        head = events[-1]
        step("decisions and actions")
        acts.write_decisions(case, data)
        acts.write_orders(case, data)
        acts.write_watermark_tests(case, data)
        acts.write_bundle(case, data, as_of=as_of)
        acts.write_shares(case, data)
        step("case")
        about = {
            "as_of": as_of,
            "sealed_for": by,
            "profile": profile.name,
            "signed_by": signer.key_id,
            "chain": {"seq": head["seq"], "hash": head["hash"]},
            "prompts": "left out",
        }
        files.write_case(case, data, about)
        step("report")
        report = compose(case, data, as_of=as_of, events=events, per_day=per_day, by=by)
        report["signed_by"] = signer.key_id
    (root / REPORT).write_text(to_json(report, indent=1) + "\n", encoding="utf-8")
    step("PDF")
    _write_reports(root, report, as_of)
    step("checksums and signature")
    _write_tags(root, report, as_of, by=signer.key_id)
    sign(root, signer.sign, signer.public_pem)
    step("zip")
    target = folder / f"{root.name}.zip"
    zip_bag(root, target, at=as_of, beat=beat)
    return target, as_of, head


def rebuild(root: Path, folder: Path) -> Path:
    """Build an unpacked packet again under folder from its data alone; returns the zip's path.

    Needs no key: the signature is carried over, since the same manifest has the same signature.
    Raises OSError, ValueError or KeyError when the data lack what a packet has.
    """
    again = folder / root.name
    shutil.copytree(root / "data", again / "data", ignore=shutil.ignore_patterns("report.*"))
    report = json.loads((root / REPORT).read_bytes())
    (again / REPORT).write_text(to_json(report, indent=1) + "\n", encoding="utf-8")
    case = json.loads((root / "data/case.json").read_bytes())
    as_of = datetime.fromisoformat(case["as_of"])
    _write_reports(again, report, as_of)
    _write_tags(again, report, as_of, by=report["signed_by"])
    (again / SIGNATURE).parent.mkdir()
    for name in (SIGNATURE, PUBLIC_KEY):
        shutil.copyfile(root / name, again / name)
    target = folder / f"{root.name}.zip"
    zip_bag(again, target, at=as_of, beat=lambda: None)
    return target


def _write_reports(root: Path, report: dict, as_of: datetime) -> None:
    (root / "data/report.html").write_text(as_html(report), encoding="utf-8")
    (root / "data/report.pdf").write_bytes(as_pdf(report, as_of=as_of))


def _write_tags(root: Path, report: dict, as_of: datetime, *, by: str) -> None:
    head = report["chain"]
    info = [
        ("Bagging-Date", f"{as_of:%Y-%m-%d}"),
        ("External-Identifier", report["ref"]),
        ("Internal-Sender-Description", f"Stillwatch case {report['ref']} as of {people(as_of)}"),
        ("Stillwatch-As-Of", as_of.astimezone(UTC).isoformat()),
        ("Stillwatch-Profile", report["profile"]),
        ("Stillwatch-Signed-By", by),
        ("Stillwatch-Chain-Seq", str(head["seq"])),
        ("Stillwatch-Chain-Head", head["hash"]),
    ]
    readme = README.format(
        ref=report["ref"], as_of=people(as_of), seq=head["seq"], head=head["hash"],
        profile=report["profile"], leaves_out=report["leaves_out"], key_id=by,
        public_key=PUBLIC_KEY, signature=SIGNATURE,
    )  # fmt: skip
    write_tags(root, info=info, readme=readme)
