"""A partner at the TAXII doors: raw requests, and a client of others over the same ones."""

import base64
import io
import json

import requests
from requests.adapters import BaseAdapter
from taxii2client.common import _HTTPConnection

from cases.models import Collection
from cases.services.partner import issue_credential, set_up_partner
from cases.services.submissions import check_waiting
from tests.base import DeskTestCase

TAXII = "application/taxii+json;version=2.1"


class Wire(BaseAdapter):
    """Carries what `requests` would send to Django's test client, and the answer back."""

    def __init__(self, client):
        super().__init__()
        self.client = client

    def send(self, request, **kwargs):
        answer = self.client.generic(
            request.method,
            request.path_url,
            request.body or b"",
            content_type=request.headers.get("Content-Type", ""),
            headers={k: v for k, v in request.headers.items() if k.lower() != "content-type"},
        )
        found = requests.Response()
        found.status_code = answer.status_code
        found.headers.update(answer.headers)
        found.raw = io.BytesIO(answer.content)
        found.url = request.url
        found.request = request
        return found

    def close(self):
        pass


class TaxiiTestCase(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        cls.north = set_up_partner("north", actor=cls.lea, name="North Lab")
        cls.south = set_up_partner("south", actor=cls.lea, name="South Lab")
        cls.token = issue_credential(cls.north, actor=cls.lea)
        cls.south_token = issue_credential(cls.south, actor=cls.lea)
        cls.inbox = Collection.objects.get(partner=cls.north, way="in")
        cls.amber = Collection.objects.get(partner=cls.north, way="out", tlp="amber")

    def basic(self, user="north", token=None) -> str:
        text = f"{user}:{self.token if token is None else token}"
        return "Basic " + base64.b64encode(text.encode()).decode()

    def ask(self, method: str, path: str, body=None, **headers):
        """path: behind /taxii2/. headers: ACCEPT, AUTHORIZATION, CONTENT_TYPE as they are sent."""
        sent = {"ACCEPT": TAXII, "AUTHORIZATION": self.basic()} | headers
        content_type = sent.pop("CONTENT_TYPE", TAXII)
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        return self.client.generic(
            method,
            f"/taxii2/{path}",
            data,
            content_type=content_type,
            **{f"HTTP_{name}": value for name, value in sent.items() if value is not None},
        )

    def get(self, path: str, **headers):
        return self.ask("GET", path, **headers)

    def objects(self, collection=None, more="", query="") -> str:
        return f"desk/collections/{(collection or self.inbox).pk}/objects/{more}{query}"

    def send(self, *objects, **headers):
        """POST, and let the worker do its part."""
        answer = self.ask("POST", self.objects(), {"objects": list(objects)}, **headers)
        check_waiting()
        return answer

    def ids(self, query="", collection=None) -> list[str]:
        body = self.get(self.objects(collection, query=query)).json()
        return [one["id"] for one in body.get("objects", [])]

    def connection(self, user="north", token=None) -> _HTTPConnection:
        """What taxii2-client talks over."""
        made = _HTTPConnection(user, self.token if token is None else token)
        made.session.mount("http://testserver/", Wire(self.client))
        return made
