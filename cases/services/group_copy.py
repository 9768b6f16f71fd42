"""Rows out of PostgreSQL as arrays, and arrays in: binary COPY, no row ever becomes an object."""

from collections.abc import Sequence

import numpy as np
from django.db import connection
from psycopg import sql

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
EPOCH = 946_684_800  # 2000-01-01, from which PostgreSQL counts its microseconds
NEVER = np.iinfo(np.int64).min  # how COPY writes −infinity, which stands for an unknown time
WIDTHS = {"i": ">i8", "f": ">f8", "t": ">i8", "s": ">i2", "n": ">i4", "b": ">u1"}


def copy_out(query: str, shape: str, **lists: Sequence[str]) -> list[np.ndarray]:
    """The columns of a query, none of them ever null, by their types: i bigint, f float8, s
    smallint, t timestamptz (as whole seconds since 1970; −infinity as −1). {name} in the query
    stands for an array of text.
    """
    literals = {
        name: sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(map(sql.Literal, values)))
        for name, values in lists.items()
    }
    wrapped = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(
        sql.SQL(query).format(**literals)
    )
    kind = _row(shape)
    connection.ensure_connection()
    with connection.connection.cursor() as cursor, cursor.copy(wrapped) as copy:
        data = b"".join(copy)
    rows, rest = divmod(len(data) - len(HEAD) - len(TAIL), kind.itemsize)
    if rest:
        raise ValueError("a column of grouping's input was null")
    table = np.frombuffer(data, dtype=kind, offset=len(HEAD), count=rows)
    return [_column(table[f"v{place}"], letter) for place, letter in enumerate(shape)]


def copy_in(table: str, columns: str, shape: str, *arrays: np.ndarray) -> None:
    """Arrays into columns of a table: i bigint, n integer, f float8, s smallint, b boolean."""
    kind = _row(shape)
    rows = np.zeros(len(arrays[0]), dtype=kind)
    rows["n"] = len(shape)
    for place, (array, letter) in enumerate(zip(arrays, shape, strict=True)):
        rows[f"l{place}"] = np.dtype(WIDTHS[letter]).itemsize
        rows[f"v{place}"] = array
    target = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns.split()))
    )
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor() as cursor,
        cursor.copy(target) as copy,
    ):
        copy.write(HEAD)
        copy.write(rows.tobytes())
        copy.write(TAIL)


def _row(shape: str) -> np.dtype:
    fields: list[tuple[str, str]] = [("n", ">i2")]
    for place, letter in enumerate(shape):
        fields += [(f"l{place}", ">i4"), (f"v{place}", WIDTHS[letter])]
    return np.dtype(fields)


def _column(values: np.ndarray, letter: str) -> np.ndarray:
    if letter != "t":
        return values.astype(values.dtype.newbyteorder("="))
    moments = values.astype(np.int64)
    return np.where(moments == NEVER, -1, moments // 1_000_000 + EPOCH)
