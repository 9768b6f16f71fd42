"""Refusals with the error message body of TAXII 2.1 §3.6.1."""

import uuid

import msgspec
from django.http import HttpResponse

from .media import TAXII


class TaxiiError(Exception):
    """What is wrong and what to do next, for the machine of a partner."""

    def __init__(self, status: int, title: str, description: str, **details: str):
        super().__init__(title)
        self.status, self.title, self.description = status, title, description
        self.details = details

    def body(self) -> dict:
        told = {
            "title": self.title,
            "description": self.description,
            "error_id": str(uuid.uuid4()),
            "error_code": self.title.lower().replace(" ", "-"),
            "http_status": str(self.status),
        }
        return told | ({"details": self.details} if self.details else {})


def answer(body: dict, status: int = 200, headers: dict | None = None) -> HttpResponse:
    return HttpResponse(
        msgspec.json.encode(body), status=status, content_type=TAXII, headers=headers
    )


def not_found(what: str) -> TaxiiError:
    """Not there, or not for this partner: both look the same."""
    return TaxiiError(404, "Not found", f"There is no such {what} here for you.")
