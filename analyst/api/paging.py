"""Pages by key: each is one index descent however deep, and none repeats or skips a row."""

import base64
import binascii
from typing import Annotated

import msgspec
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from rest_framework import serializers
from rest_framework.request import Request

from analyst.api.door import Strict

Key = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


def paged(*, size: int, most: int):
    """The two parameters that every list takes."""

    class Paged(Strict):
        limit = serializers.IntegerField(
            min_value=1, max_value=most, default=size, help_text=f"rows a page, {size} if left out"
        )
        cursor = serializers.CharField(
            max_length=120, required=False, help_text="from next; opaque"
        )

    return Paged


class Falling:
    """An order that falls in each of its columns, the last one unique; shape types its cursor."""

    def __init__(self, shape: type, *columns: str):
        self.shape, self.columns = shape, columns

    def page(self, rows: QuerySet, request: Request, asked: dict) -> tuple[list, str | None]:
        """One page of rows and the address of the next, None after the last."""
        limit = asked["limit"]
        if cursor := asked.get("cursor"):
            after = Tuple(*(F(column) for column in self.columns))
            rows = rows.filter(TupleLessThan(after, self._read(cursor)))
        found = list(rows.order_by(*(f"-{column}" for column in self.columns))[: limit + 1])
        if len(found) <= limit:
            return found, None
        last = tuple(getattr(found[limit - 1], column) for column in self.columns)
        return found[:limit], address(request, cursor=self._write(last))

    def _write(self, key: tuple) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")

    def _read(self, cursor: str) -> tuple:
        try:
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            plain = base64.b64decode(padded, altchars=b"-_", validate=True)
            return msgspec.json.decode(plain, type=self.shape)
        except (UnicodeError, binascii.Error, msgspec.MsgspecError):
            raise serializers.ValidationError(
                {"cursor": ["Not a cursor of this list. Follow next, or leave it out."]}
            ) from None


def address(request: Request, **parameters) -> str:
    """This request's own address with some parameters replaced."""
    query = request.query_params.copy()
    for name, value in parameters.items():
        query[name] = value
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
