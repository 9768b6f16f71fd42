"""The main job in a real browser: signals arrive, a case opens, it is decided, acted on, shared.

Everything runs as in production: gunicorn, a worker with beat on a real broker, the recording
gateway as the platform, and Chromium in front.
"""

import hashlib
import io
import json
import re
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest
from django.db import connection
from django.test import TransactionTestCase
from playwright.sync_api import expect, sync_playwright

from cases.models import Case, Enforcement
from cases.services.connect import set_up_webhook
from ingest.models import Account
from tests.base import make_detector, make_user
from tests.processes import (
    Running,
    answers,
    environment,
    gather_static,
    open_port,
    wait_for,
    web,
    worker,
)  # fmt: skip

PASSWORD = "correct horse battery"
SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
MEMBERS = 12
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def rare(kind: str, value: str, accounts: int, **more) -> dict:
    of_all = {"accounts": accounts, "population": 50_000, "organisations": accounts}
    return {"kind": kind, "value": value, "prevalence": of_all, **more}


def signals() -> bytes:
    """Twelve accounts of twelve organisations: one template over three cards and four devices."""
    template = rare("template", "T-88", MEMBERS, label="Take problem ▮ and set out each step")
    lines = []
    for i in range(MEMBERS):
        lines.append(
            {
                "ref": f"t-{i}",
                "account": {
                    "id": f"acct-{i:02}" if i else "acct-00<img src=x onerror=alert(1)>",
                    "organisation": f"org-{i:02}",
                    "plan": "build",
                },
                "window_start": "2026-11-06T00:00:00Z",
                "window_end": "2026-11-20T00:00:00Z",
                "score": 0.97,
                "p_value": 1e-7,
                "summary": "94 % of its requests follow one template of 12 accounts",
                "attributes": [
                    template,
                    rare("payment", f"card-{i % 3}", MEMBERS // 3),
                    rare("device", f"device-{i % 4}", MEMBERS // 4),
                ],
                "samples": [
                    {"text": f"Take problem {i} and set out each step <script>alert(1)</script>"}
                ],
                "activity": [
                    {
                        "hour": f"2026-11-{day:02}T{hour:02}:00:00Z",
                        "model": "orion-reason",
                        "requests": 4 + i % 3,
                        "input_tokens": 2_000,
                        "output_tokens": 60_000,
                    }
                    for day in range(6, 20)
                    for hour in range(i % 4, 24, 4)
                ],
            }
        )
    return "\n".join(json.dumps(line) for line in lines).encode()


@pytest.mark.browser
@pytest.mark.worker
class MainJobTest(TransactionTestCase):
    @pytest.fixture(autouse=True)
    def _around(self, tmp_path, chromium, broker):
        self.folder: Path = tmp_path
        self.chromium, self.broker = chromium, broker

    def setUp(self):
        for name, role in (("ana", "analyst"), ("lea", "lead")):
            make_user(name, role)
        detector = make_detector("outside-template", "template")
        self.token = detector.issue_token()
        detector.save()
        self.port, self.gateway_port = open_port(), open_port()
        self.desk = f"http://127.0.0.1:{self.port}"
        self.gateway = f"http://127.0.0.1:{self.gateway_port}"
        set_up_webhook(
            "recording-gateway",
            name="Recording gateway",
            url=self.gateway,
            secret=SECRET,
            allowed_private_hosts=["127.0.0.1"],
        )

    def start_gateway(self, env) -> Running:
        running = Running(
            [
                sys.executable, "manage.py", "gateway", "--port", str(self.gateway_port),
                "--file", str(self.folder / "gateway.jsonl"),
            ],
            env | {"GATEWAY_SECRET": SECRET}, self.folder / "gateway.log",
        )  # fmt: skip
        wait_for(lambda: answers(self.gateway), running)
        return running

    def deliver(self):
        request = urllib.request.Request(
            f"{self.desk}/api/v1/signals/",
            data=signals(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/x-ndjson",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            receipt = json.loads(answer.read())
        self.assertEqual((receipt["stored"], receipt["rejected"]), (MEMBERS, 0), receipt)

    def page(self, browser, user):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        page.goto(f"{self.desk}/")
        page.get_by_label("User name").fill(user)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Queue")).to_be_attached()
        return page

    def test_from_signals_to_a_packet_that_others_can_verify(self):
        self.said: list[str] = []
        env = environment(self.broker, VAR=str(self.folder), SWEEP_SECONDS="1")
        gather_static(env)
        with (
            self.start_gateway(env),
            web(env, self.port, self.folder / "web.log"),
            worker(env, self.folder / "worker.log") as tasks,
            sync_playwright() as playwright,
        ):
            self.deliver()
            wait_for(Case.objects.exists, tasks)
            browser = playwright.chromium.launch(executable_path=self.chromium, args=FLAGS)
            ana = self.page(browser, "ana")
            self.take_and_confirm(ana)
            order = self.order(ana)
            lea = self.page(browser, "lea")
            self.approve(lea, order)
            self.share(ana, lea)
            self.packet(ana)
            browser.close()
            connection.close()  # the one that Django made for Playwright's event loop
        self.assertEqual(self.said, [], "the browser had something to say")

    def take_and_confirm(self, page):
        page.get_by_role("button", name=re.compile("Take next")).first.click()
        page.wait_for_url(re.compile(r"/cases/C-\d+/"))
        self.case = Case.objects.get()
        expect(page.get_by_role("heading", name=self.case.name)).to_be_visible()
        expect(page.locator("#members tbody tr")).to_have_count(MEMBERS)
        # attackers' text is text
        self.assertEqual(page.locator("img").count(), 0)
        for plot in page.locator("[data-figure-url]").all():
            plot.scroll_into_view_if_needed()
            expect(plot.locator(".main-svg").first).to_be_visible()
        page.get_by_role("link", name=re.compile("^Confirm")).click()
        page.get_by_label("Why", exact=True).fill(
            "One card, one template, one device: one operator."
        )
        page.get_by_role("button", name=re.compile("Confirm")).click()
        page.wait_for_url(f"{self.desk}/cases/{self.case.ref}/")
        self.case.refresh_from_db()
        self.assertEqual((self.case.status, self.case.verdict), ("decided", "confirmed"))

    def order(self, page) -> Enforcement:
        page.get_by_role("link", name=re.compile("^Action")).last.click()
        page.get_by_label(re.compile("^suspend$", re.I)).first.check()
        page.get_by_label(re.compile("reason|why", re.I)).first.fill("Confirmed distillation.")
        page.get_by_role("button", name=re.compile("Ask for it")).click()
        page.wait_for_url(re.compile(r"/actions/O-\d+/"))
        order = Enforcement.objects.get()
        self.assertEqual(order.items.count(), self.case.core)
        # who asks never approves
        self.assertEqual(page.get_by_role("button", name="Approve").count(), 0)
        return order

    def approve(self, page, order):
        page.goto(f"{self.desk}/actions/{order.ref}/")
        page.get_by_role("button", name="Approve").click()
        done = f"{MEMBERS} read back of {MEMBERS}. Finished"
        expect(page.locator("#progress")).to_contain_text(done, timeout=60_000)
        wait_for(lambda: Enforcement.objects.get().state == "done")
        # the effect, at the platform itself
        page.goto(f"{self.gateway}/")
        row = page.get_by_role("row").filter(has_text="acct-01")
        expect(row).to_contain_text("suspended")
        self.assertEqual(
            set(
                Account.objects.filter(enforcement_items__isnull=False).values_list(
                    "state", flat=True
                )
            ),
            {"suspended"},
        )

    def share(self, ana, lea):
        ana.goto(f"{self.desk}/cases/{self.case.ref}/")
        ana.get_by_role("link", name=re.compile("^Share")).last.click()
        ana.get_by_role("button", name=re.compile("Prepare for approval")).click()
        ana.wait_for_url(re.compile(r"/sharing/\d+/"))
        lea.goto(ana.url)
        lea.get_by_role("button", name=re.compile("Approve")).click()
        ana.reload()
        with ana.expect_download() as download:
            ana.get_by_role("button", name=re.compile("Download")).click()
        text = Path(download.value.path()).read_text()
        bundle = json.loads(text)
        self.assertEqual(bundle["type"], "bundle")
        self.assertNotIn("acct-", text)
        self.assertNotIn("set out each step", text)

    def packet(self, page):
        page.goto(f"{self.desk}/cases/{self.case.ref}/")
        page.get_by_role("link", name=re.compile("^Packet")).last.click()
        page.get_by_role("button", name=re.compile("packet|seal", re.I)).first.click()
        page.wait_for_url(re.compile(r"/packets/\d+/"))
        with page.expect_download(timeout=60_000) as download:
            page.get_by_role("button", name=re.compile("Download")).click(timeout=60_000)
        content = Path(download.value.path()).read_bytes()
        self.assertEqual(hashlib.sha256(content).hexdigest(), self.case.packets.get().sha256)
        bag = zipfile.ZipFile(io.BytesIO(content))
        manifest = next(n for n in bag.namelist() if n.endswith("/manifest-sha256.txt"))
        root = manifest.removesuffix("manifest-sha256.txt")
        lines = bag.read(manifest).decode().splitlines()
        self.assertGreater(len(lines), 5)
        for line in lines:
            digest, name = line.split(maxsplit=1)
            self.assertEqual(hashlib.sha256(bag.read(root + name)).hexdigest(), digest, name)
        named = {line.split(maxsplit=1)[1] for line in lines}
        for ending in ("report.html", "report.pdf", "case.json", "members.csv"):
            self.assertTrue(any(name.endswith(ending) for name in named), named)
