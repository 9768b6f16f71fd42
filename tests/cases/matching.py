"""Two desks in one database: north asks, south answers, over the real door."""

import base64
from unittest import mock
from urllib.parse import urlsplit

from django.test import Client

from cases.models import MatchSession
from cases.services import match_answer, match_ask, match_set
from cases.services.partner import issue_credential, set_server, set_up_partner
from ingest import outbound
from ingest.models import Attribute, AttributeUse
from tests.base import DeskTestCase

SECRET = b"pairwise secret of thirty-two by"


class MatchTestCase(DeskTestCase):
    """self.south: whom we ask. self.north: how the one we ask knows us."""

    def setUp(self):
        self.north = set_up_partner("north", actor=None, name="North", secret=SECRET)
        token = issue_credential(self.north, actor=None)
        self.login = "Basic " + base64.b64encode(f"north:{token}".encode()).decode()
        south = set_up_partner("south", actor=None, name="South", secret=SECRET)
        self.south = set_server(
            south, actor=None, url="http://south.test/taxii2/api/", login=f"north:{token}",
            allowed_private_hosts=["south.test"],
        )  # fmt: skip
        self.wire: list[tuple[str, bytes]] = []
        self.break_next: list[Exception] = []
        patch = mock.patch.object(outbound, "request", self.request)
        patch.start()
        self.addCleanup(patch.stop)

    def request(self, method, url, *, headers, body=None, **options):
        """The way out, answered by our own door; faults as a test lists them."""
        if self.break_next and isinstance(self.break_next[0], outbound.NotSent):
            raise self.break_next.pop(0)
        path = urlsplit(url).path
        response = Client().generic(
            method, path, body or b"", content_type="application/json",
            headers={"Authorization": headers["Authorization"]},
        )  # fmt: skip
        self.wire += [(f"{method} {path}", body or b""), ("answer", response.content)]
        if self.break_next:
            raise self.break_next.pop(0)
        found = {name.lower(): value for name, value in response.items()}
        return outbound.Answer(response.status_code, found, response.content)

    def give(self, *cards: str, kind="payment"):
        """Values that a member of our case carries."""
        account = self.case.members.first().account
        for card in cards:
            attribute = Attribute.objects.create(kind=kind, value=card)
            AttributeUse.objects.create(account=account, attribute=attribute)

    def build(self):
        match_set.key_for(self.north)
        match_set.build_waiting()
        return match_set.key_for(self.north)

    def ask(self) -> MatchSession:
        return match_ask.ask_partner(self.case, self.south, actor=self.ana)

    def turn(self, session: MatchSession, times=1) -> MatchSession:
        """So many sweeps of both desks, whatever they wait for."""
        for _ in range(times):
            match_set.build_waiting()
            match_answer.answer_waiting()
            MatchSession.objects.filter(ours=True).update(poll_at=session.asked_at)
            match_ask.ask_waiting(limit=1)
        session.refresh_from_db()
        return session

    def counted(self) -> MatchSession:
        """One card that both hold, and two that only we hold."""
        self.build()
        self.give("card-ours-1", "card-ours-2")
        return self.turn(self.ask(), 3)

    def theirs(self) -> MatchSession:
        return MatchSession.objects.get(ours=False)
