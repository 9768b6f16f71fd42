"""Events of orders, told outside: signed, once each, kept until they arrive."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from standardwebhooks import Webhook

from cases.errors import CaseError
from cases.models import Case, EventHook, HookDelivery
from cases.services.enforce import approve_enforcement, refuse_enforcement
from cases.services.hooks import set_up_hook, switch_hook, tell_hooks
from cases.services.notices import approve_notice, retire_notice, usable_versions, write_notice
from cases.services.protect import end_protection, protect
from tests.base import DeskTestCase
from tests.cases.orders import OrderCase


class Listener:
    """An address of ours that keeps what it is told and answers as it is bidden."""

    def __init__(self):
        self.heard, self.status, self.headers = [], 204, {}
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                head = {name.lower(): value for name, value in self.headers.items()}
                listener.heard.append((head, body))
                self.send_response(listener.status)
                for name, value in listener.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/events"


class HookTests(OrderCase):
    def setUp(self):
        super().setUp()
        self.listener = Listener()
        self.addCleanup(self.listener.server.server_close)
        self.addCleanup(self.listener.server.shutdown)
        self.hook, self.secret = set_up_hook(
            "siem", actor=self.lea, url=self.listener.url, allowed_private_hosts=["127.0.0.1"]
        )

    def due(self):
        HookDelivery.objects.filter(state="waiting").update(due_at=timezone.now())
        EventHook.objects.update(open_until=None)

    def test_each_event_is_told_once_signed_and_without_what_people_wrote(self):
        order = self.request(reason="secret reason <b>", notice="Dear customer")
        approve_enforcement(order, actor=self.lea, note="secret note")
        assert tell_hooks() == 2 and tell_hooks() == 0
        headers, body = self.listener.heard[0]
        Webhook(self.secret).verify(body, headers)
        told = json.loads(body)
        assert told["type"] == "order.requested"
        assert told["data"] == {
            "order": order.ref, "kind": "suspend", "accounts": 3, "of": "account", "case": "C-1",
            "hash": order.content_hash,
        }  # fmt: skip
        everything = b"".join(body for _, body in self.listener.heard)
        assert b"secret" not in everything and b"acct-" not in everything
        assert json.loads(self.listener.heard[1][1])["type"] == "order.approved"

    def test_a_restricted_case_is_not_named(self):
        Case.objects.filter(pk=self.case.pk).update(restricted=True)
        self.request()
        tell_hooks()
        assert "case" not in json.loads(self.listener.heard[0][1])["data"]

    def test_what_is_rolled_back_is_not_told(self):
        order = self.request()
        with pytest.raises(CaseError):
            refuse_enforcement(order, actor=self.lea, note=" ")
        assert HookDelivery.objects.count() == 1

    def test_a_failure_is_tried_again_under_the_same_key(self):
        self.request()
        self.listener.status = 503
        assert tell_hooks() == 1
        delivery = HookDelivery.objects.get()
        assert (delivery.state, delivery.last_status) == ("waiting", 503)
        assert tell_hooks() == 0  # not due yet
        self.listener.status = 204
        self.due()
        assert tell_hooks() == 1
        keys = {head.get("webhook-id") for head, _ in self.listener.heard}
        assert len(keys) == 1
        assert HookDelivery.objects.get().state == "sent"

    def test_retry_after_is_honoured_and_a_refusal_is_not_repeated(self):
        self.request()
        self.listener.status, self.listener.headers = 429, {"retry-after": "600"}
        tell_hooks()
        assert HookDelivery.objects.get().due_at > timezone.now() + timedelta(seconds=550)
        self.listener.status, self.listener.headers = 400, {}
        self.due()
        tell_hooks()
        assert HookDelivery.objects.get().state == "failed"

    def test_gone_switches_it_off_and_what_waits_goes_on_when_it_is_on_again(self):
        self.request()
        self.listener.status = 410
        tell_hooks()
        self.hook.refresh_from_db()
        assert not self.hook.enabled
        self.due()
        assert tell_hooks() == 0
        self.listener.status = 200
        switch_hook(self.hook, actor=self.lea, on=True)
        assert tell_hooks() == 1 and HookDelivery.objects.get().state == "sent"

    def test_a_hook_hears_only_the_kinds_that_it_asked_for(self):
        set_up_hook(
            "siem", actor=self.lea, url=self.listener.url, events=["enforcement_paused"],
            allowed_private_hosts=["127.0.0.1"],
        )  # fmt: skip
        self.request()
        assert not HookDelivery.objects.exists()

    def test_what_could_never_work_is_refused(self):
        for fields, says in (
            ({"url": "http://siem.example/x"}, "https"), ({"url": "https://u:p@x/"}, "user name"),
            ({"events": ["note_added"]}, "no event"), ({"slug": "No!"}, "short name"),
        ):  # fmt: skip
            fields = {"slug": "x", "url": "https://siem.example/x"} | fields
            with self.subTest(says), pytest.raises(CaseError, match=says):
                set_up_hook(fields.pop("slug"), actor=None, **fields)
        with pytest.raises(CommandError, match="https"):
            call_command("hook", "x", "--url", "http://siem.example/")


class LibraryTests(DeskTestCase):
    def test_a_letter_is_approved_by_another_person_and_then_fixed(self):
        first = write_notice(
            actor=self.ana, slug="limit-en", title="Limited", kinds=["limit"], text="Dear …"
        )
        assert usable_versions("limit") == []
        with pytest.raises(CaseError, match="another person"):
            approve_notice(first, actor=self.ana)
        approve_notice(first, actor=self.lea)
        with pytest.raises(CaseError, match="approved already"):
            approve_notice(first, actor=self.bo)
        second = write_notice(
            actor=self.ana, slug="limit-en", title="Limited", kinds=["limit"], text="Better"
        )
        assert second.version == 2 and usable_versions("limit") == [first]
        approve_notice(second, actor=self.lea)
        assert usable_versions("limit") == [second] and usable_versions("suspend") == []
        retire_notice(second.notice, actor=self.lea)
        assert usable_versions() == []
        with pytest.raises(CaseError, match="was retired"):
            write_notice(actor=self.ana, slug="limit-en", title="L", kinds=["limit"], text="x")

    def test_who_is_protected_stands_on_the_list_once_and_is_taken_off_with_a_reason(self):
        entry = protect(actor=self.lea, kind="account", value=" acct-1-0 ", reason="hospital")
        assert entry.value == "acct-1-0"
        with pytest.raises(CaseError, match="on the list already"):
            protect(actor=self.lea, kind="account", value="acct-1-0", reason="again")
        with pytest.raises(CaseError, match="Say why"):
            end_protection(entry, actor=self.lea, reason=" ")
        end_protection(entry, actor=self.lea, reason="closed down")
        with pytest.raises(CaseError, match="off the list already"):
            end_protection(entry, actor=self.lea, reason="again")
        protect(actor=self.lea, kind="account", value="acct-1-0", reason="back")
        for fields, says in (
            ({"kind": "planet"}, "an account or an organisation"), ({"value": ""}, "Name it"),
            ({"value": "a\0"}, "Name it"), ({"reason": ""}, "Say why"),
            ({"expires_at": timezone.now()}, "lie ahead"),
        ):  # fmt: skip
            fields = {"kind": "account", "value": "b", "reason": "r"} | fields
            with self.subTest(says), pytest.raises(CaseError, match=says):
                protect(actor=self.lea, **fields)
