"""Evidence packets: whole, faithful, checkable by others, and safe to open."""

import csv
import hashlib
import json
import re
import subprocess
import sys
import threading
import zipfile
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import bagit
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.utils import timezone

from cases.errors import CaseError
from cases.evidence import build, text
from cases.evidence.bag import SIGNATURE, zip_bag
from cases.evidence.report import as_pdf
from cases.evidence.verify import verify
from cases.models import Case, EvidencePacket, Note, TimelineEvent
from cases.services import seal as sealing
from cases.services.seal import record_download, request_packet, seal_packet, seal_waiting
from cases.services.share import prepare_share
from cases.services.signing import signing_key
from cases.services.timeline import append_event
from ingest.models import Account, Job, Signal
from ingest.services import jobs
from tests.base import DeskTestCase, make_case, make_user
from tests.processes import ROOT

HOSTILE = '=cmd|"/C calc"!A1\u202e<script>alert(1)</script>\u4e2d\U0001f600 #set text(1pt) $x$ @ref'


class Unpacked:
    def __init__(self, packet: EvidencePacket, folder: Path):
        self.zip = Path(packet.file.path)
        with zipfile.ZipFile(self.zip) as archive:
            archive.extractall(folder)
        (self.root,) = folder.iterdir()

    def text(self, name: str) -> str:
        return (self.root / "data" / name).read_text(encoding="utf-8")

    def json(self, name: str):
        return json.loads(self.text(name))

    def lines(self, name: str) -> list:
        return [json.loads(line) for line in self.text(name).splitlines()]


class PacketCase(DeskTestCase):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path / "unpacked"

    def sealed(self) -> Unpacked:
        packet = request_packet(self.case, actor=self.ana)
        assert seal_packet(packet.pk)
        packet.refresh_from_db()
        self.packet = packet
        return Unpacked(packet, self.folder)


class PacketTests(PacketCase):
    def test_any_bagit_tool_and_sha256sum_find_it_whole(self):
        packet = self.sealed()
        bagit.Bag(str(packet.root)).validate()
        for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            done = subprocess.run(
                ["sha256sum", "-c", "--strict", manifest], cwd=packet.root, capture_output=True
            )
            assert done.returncode == 0, done.stdout
        assert verify(packet.zip) == []
        assert sorted(p.name for p in (packet.root / "data").iterdir()) == [
            "activity.csv", "bundle.stix.json", "case.json", "custody.jsonl", "decisions.json",
            "links.csv", "members.csv", "members.json", "order_items.csv", "orders.json",
            "report.html", "report.json", "report.pdf", "shares.json", "signals.jsonl",
            "timeline.jsonl", "watermark_tests.jsonl",
        ]  # fmt: skip

    def test_the_row_and_the_event_state_the_files_hash(self):
        packet = self.sealed()
        digest = hashlib.sha256(packet.zip.read_bytes()).hexdigest()
        event = TimelineEvent.objects.get(kind="packet_sealed")
        assert self.packet.sha256 == digest == event.content.body["sha256"]
        assert self.packet.size == packet.zip.stat().st_size
        last = packet.lines("timeline.jsonl")[-1]
        assert (self.packet.chain_seq, self.packet.chain_head) == (last["seq"], last["hash"])
        assert last["kind"] == "packet_requested"
        assert event.seq == last["seq"] + 1
        assert default_storage.exists(self.packet.file.name)

    def test_no_prompt_is_in_it_and_it_says_so(self):
        packet = self.sealed()
        for path in packet.root.rglob("*"):
            if path.is_file():
                assert b"Solve task 7" not in path.read_bytes(), path
        assert json.loads(packet.text("signals.jsonl").splitlines()[0])["samples_left_out"] == 1
        assert "Prompts are left out" in packet.text("report.html")

    def test_cells_that_begin_like_a_formula_are_quoted_in_csv_and_faithful_in_json(self):
        Account.objects.filter(external_id="acct-1-0").update(external_id=HOSTILE)
        packet = self.sealed()
        rows = list(csv.DictReader(StringIO(packet.text("members.csv"))))
        assert {row["account_id"] for row in rows} == {f"'{HOSTILE}", "acct-1-1", "acct-1-2"}
        names = {row["account_id"] for row in packet.json("members.json")}
        assert names == {HOSTILE, "acct-1-1", "acct-1-2"}
        assert float(rows[0]["probability"]) == 0.97

    def test_hostile_text_is_shown_in_the_reports_and_does_nothing(self):
        Account.objects.filter(external_id="acct-1-0").update(
            external_id=HOSTILE, organisation="\u2066evil\u2069"
        )
        Case.objects.update(explanation={"summary": [HOSTILE]})
        page = self.sealed().text("report.html")
        assert "<script" not in page.lower()
        assert "&lt;script&gt;" in page
        assert "‹U+202E›" in page and "\u202e" not in page and "\u2066" not in page
        for outside in ("http://", "https://", "src=", "href=", "url(", "@import"):
            assert outside not in page.replace("http://www.w3.org/2000/svg", ""), outside

    def test_an_earlier_share_is_in_it_byte_for_byte(self):
        share = prepare_share(self.case, actor=self.ana, tlp="amber")
        packet = self.sealed()
        left = (packet.root / "data/shares" / f"share-{share.pk}.json").read_bytes()
        assert hashlib.sha256(left).hexdigest() == share.sha256

    def test_an_erased_content_leaves_a_chain_that_holds(self):
        with transaction.atomic():
            event = append_event(
                self.case, TimelineEvent.Kind.NOTE_ADDED, actor=self.ana, content={"note": 1}
            )
        event.content.delete()
        packet = self.sealed()
        erased = packet.lines("timeline.jsonl")[event.seq - 1]
        assert erased["content"] is None and erased["salt"] is None
        assert verify(packet.zip) == []

    def test_one_packet_of_a_case_is_built_at_a_time(self):
        request_packet(self.case, actor=self.ana)
        with pytest.raises(CaseError, match="being built already"):
            request_packet(self.case, actor=self.bo)

    def test_sealing_twice_changes_nothing_more(self):
        self.sealed()
        before = EvidencePacket.objects.values().get()
        assert seal_packet(self.packet.pk) is False
        assert seal_waiting() == 0
        assert EvidencePacket.objects.values().get() == before
        assert TimelineEvent.objects.filter(kind="packet_sealed").count() == 1

    def test_a_download_is_recorded_and_refused_before_the_seal(self):
        packet = request_packet(self.case, actor=self.ana)
        with pytest.raises(CaseError, match="not sealed yet"):
            record_download(packet, actor=self.ana)
        seal_packet(packet.pk)
        record_download(packet, actor=self.lea)
        assert TimelineEvent.objects.get(kind="packet_downloaded").actor == self.lea

    def test_a_silent_job_is_taken_again_and_a_living_one_is_not(self):
        packet = request_packet(self.case, actor=self.ana)
        Job.objects.update(state=Job.State.RUNNING, beat_at=timezone.now())
        assert seal_waiting() == 0
        Job.objects.update(beat_at=timezone.now() - 2 * jobs.SILENT)
        assert seal_waiting() == 1
        packet.refresh_from_db()
        assert packet.sealed_at and packet.job.state == Job.State.DONE
        assert packet.job.percent == 100

    def test_who_was_too_slow_seals_nothing(self):
        packet = request_packet(self.case, actor=self.ana)
        progress = sealing.Progress.take(packet.job_id)
        Job.objects.update(beat_at=timezone.now() + timedelta(seconds=1))  # another took it
        with pytest.raises(sealing.Superseded):
            progress.step("members")
        with pytest.raises(sealing.Superseded):
            progress.done()

    def test_a_failure_is_on_the_job_in_words(self):
        packet = request_packet(self.case, actor=self.ana)
        Signal.objects.update(evidence={"text": "x"})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "as_pdf", lambda *a, **k: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                seal_packet(packet.pk)
        job = Job.objects.get()
        assert job.state == Job.State.FAILED and "ZeroDivisionError" in job.error
        assert not EvidencePacket.objects.get().sealed_at
        request_packet(self.case, actor=self.ana)  # and may be asked for again

    def test_a_seal_that_fails_leaves_no_file_behind(self):
        packet = request_packet(self.case, actor=self.ana)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sealing, "append_event", lambda *a, **k: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                seal_packet(packet.pk)
        assert default_storage.listdir("packets") == ([], [])

    def test_a_packet_that_no_worker_survives_is_given_up(self):
        request_packet(self.case, actor=self.ana)
        Job.objects.update(created_at=timezone.now() - sealing.GIVEN_UP - timedelta(minutes=1))
        assert seal_waiting() == 0
        assert Job.objects.get().state == Job.State.FAILED

    def test_the_commands_say_whether_packet_and_timelines_hold(self):
        packet = self.sealed()
        out = StringIO()
        call_command("verify_packet", str(packet.zip), stdout=out)
        assert self.packet.sha256 in out.getvalue()
        call_command("verify_audit", stdout=out)
        assert "1 timelines hold" in out.getvalue()

    def test_the_check_in_the_documentation_holds_and_finds_a_changed_event(self):
        packet = self.sealed()
        page = (ROOT / "docs" / "packets.md").read_text()
        script = self.folder / "check.py"
        script.write_text(re.search(r"```python\n(.*?)```", page, re.S).group(1))
        timeline = packet.root / "data/timeline.jsonl"

        def check():
            return subprocess.run(
                [sys.executable, script, timeline], capture_output=True, text=True
            )

        assert f"unbroken, 2 events, the last hash is {self.packet.chain_head}" in check().stdout
        timeline.write_text(timeline.read_text().replace('"members": 3', '"members": 4'))
        assert "event 1: content was changed" in check().stderr

    def test_a_rewritten_timeline_is_found(self):
        self.sealed()
        with connection.cursor() as cursor:  # as a superuser could
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("UPDATE cases_timelineevent SET kind = 'case_closed' WHERE seq = 1")
            cursor.execute("SET session_replication_role = origin")
        err = StringIO()
        with pytest.raises(CommandError):
            call_command("verify_audit", stderr=err)
        assert "event 1: was changed" in err.getvalue()

    def test_a_timeline_rewritten_with_good_hashes_no_longer_meets_the_packet(self):
        self.sealed()
        EvidencePacket.objects.update(chain_head="0" * 64)
        err = StringIO()
        with pytest.raises(CommandError):
            call_command("verify_audit", stderr=err)
        assert "differs from the packet sealed" in err.getvalue()


class TamperTests(PacketCase):
    def rezip(self, packet: Unpacked) -> Path:
        target = packet.root.parent.parent / "again.zip"
        as_of = datetime.fromisoformat(packet.json("case.json")["as_of"])
        zip_bag(packet.root, target, at=as_of, beat=lambda: None)
        return target

    def signed_anew(self, packet: Unpacked) -> list[str]:
        """What is found of one who could sign as we do."""
        bagit.Bag(str(packet.root)).save(manifests=True)
        _, secret = signing_key()
        manifest = (packet.root / "tagmanifest-sha256.txt").read_bytes()
        (packet.root / SIGNATURE).write_bytes(secret.sign(manifest))
        return verify(self.rezip(packet))

    def test_a_file_changed_added_or_taken_away_is_named(self):
        packet = self.sealed()
        members = packet.root / "data/members.csv"
        whole = members.read_bytes()
        assert verify(self.rezip(packet)) == []
        members.write_bytes(whole.replace(b"0.97", b"0.10", 1))
        assert any("members.csv" in p for p in verify(self.rezip(packet)))
        members.unlink()
        assert verify(self.rezip(packet)) == ["data/members.csv: is missing"]
        members.write_bytes(whole)
        (packet.root / "data/more.txt").write_text("slipped in")
        assert verify(self.rezip(packet)) == ["data/more.txt: is in no manifest"]
        (packet.root / "data/more.txt").unlink()
        (packet.root / "NOTICE.txt").write_text("slipped in")
        assert verify(self.rezip(packet)) == ["NOTICE.txt: is in no manifest"]

    def test_a_changed_event_is_found_though_the_manifests_were_made_anew(self):
        packet = self.sealed()
        timeline = packet.root / "data/timeline.jsonl"
        lines = timeline.read_text().splitlines()
        first = json.loads(lines[0])
        first["content"]["members"] = 999
        timeline.write_text("\n".join([json.dumps(first), *lines[1:]]))
        assert self.signed_anew(packet) == ["timeline event 1: its content was changed"]

    def test_a_shortened_timeline_is_found(self):
        packet = self.sealed()
        timeline = packet.root / "data/timeline.jsonl"
        timeline.write_text("\n".join(timeline.read_text().splitlines()[:-1]))
        assert self.signed_anew(packet) == ["case.json states another end of the timeline"]

    def test_what_is_no_packet_is_refused_before_it_unpacks(self):
        folder = self.folder.parent
        for name, entries in {
            "slip": ["a/../../evil.txt"],
            "absolute": ["/etc/evil.txt"],
            "two": ["a/x.txt", "b/y.txt"],
            "flat": ["x.txt"],
            "back": ["a/..\\evil.txt"],
            "none": [],
        }.items():
            path = folder / f"{name}.zip"
            with zipfile.ZipFile(path, "w") as archive:
                for entry in entries:
                    archive.writestr(entry, "x")
            with self.subTest(name):
                assert verify(path)
                assert not (folder / "evil.txt").exists()
        link = zipfile.ZipInfo("a/link")
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(folder / "link.zip", "w") as archive:
            archive.writestr(link, "/etc/passwd")
        assert verify(folder / "link.zip") == ["a/link: is not a plain file"]
        (folder / "text.zip").write_text("not a zip")
        assert "cannot be read as a zip" in verify(folder / "text.zip")[0]


class SnapshotTests(TransactionTestCase):
    """Outside of a transaction, as a worker runs."""

    def setUp(self):
        self.ana = make_user("ana")
        self.case = make_case()

    def test_what_is_written_while_it_builds_is_not_in_it_and_progress_is_seen(self):
        packet = request_packet(self.case, actor=self.ana)
        seen = []

        def meanwhile():
            Note.objects.create(case=self.case, author=self.ana, text="written too late")
            seen.append(Job.objects.values_list("step", "done", "state").get())
            connection.close()

        real = build.files.write_members

        def with_a_writer(case, data):
            real(case, data)
            thread = threading.Thread(target=meanwhile)
            thread.start()
            thread.join()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build.files, "write_members", with_a_writer)
            assert seal_packet(packet.pk)
        packet.refresh_from_db()
        assert seen == [("members", 0, "running")]
        with zipfile.ZipFile(packet.file.path) as archive:
            (name,) = (n for n in archive.namelist() if n.endswith("case.json"))
            assert b"written too late" not in archive.read(name)
        assert Note.objects.count() == 1

    def test_two_workers_at_once_make_one_packet(self):
        packet = request_packet(self.case, actor=self.ana)
        results = []

        def run():
            results.append(seal_packet(packet.pk))
            connection.close()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [False, True]
        assert TimelineEvent.objects.filter(kind="packet_sealed").count() == 1


def test_every_character_that_passes_into_the_pdf_has_a_glyph():
    known = "".join(sorted(text._IN_FONT))
    report = {"title": "t", "tlp": "TLP", "subtitle": known, "summary": [known], "tables": []}
    assert as_pdf(report, as_of=timezone.now()).startswith(b"%PDF")


def test_no_character_at_all_breaks_the_pdf():
    planes = "".join(map(chr, [*range(0x20), *range(0x7F, 0x3000, 7), 0xFFFE, 0x1F600, 0x10FFFF]))
    report = {"title": planes, "tlp": "", "subtitle": "", "summary": [planes], "tables": []}
    assert as_pdf(report, as_of=timezone.now()).startswith(b"%PDF")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\x00"])
def test_a_cell_never_begins_like_a_formula(start):
    assert text.csv_cell(f"{start}1+1").startswith("'")


def test_numbers_and_plain_text_are_left_as_they_are():
    assert [text.csv_cell(v) for v in (-1.5, 3, None, "a=b", True)] == [
        "-1.5", "3", "", "a=b", "True",
    ]  # fmt: skip
