"""Columns out of PostgreSQL as arrays, and arrays in: binary COPY, no row becomes an object."""

from collections.abc import Sequence

import numpy as np
from django.db import connection
from psycopg import sql

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
EPOCH = 946_684_800  # 2000-01-01, from which PostgreSQL counts its microseconds
NEVER = np.iinfo(np.int64).min  # how COPY writes −infinity, which stands for an unknown time
FIELDS, SIZE = 2, 4  # bytes before a row that count its fields, and before a field its bytes
PIECES = 16
SENDS = {"i": "int8send", "f": "float8send", "t": "timestamptz_send", "s": "int2send"}
WIDTHS = {"i": ">i8", "f": ">f8", "t": ">i8", "s": ">i2", "n": ">i4", "b": ">u1"}


def copy_out(query: str, shape: str, **lists: Sequence[str]) -> list[np.ndarray]:
    """The columns of a query, none of them ever null, by their types: i bigint, f float8, s
    smallint, t timestamptz (as whole seconds since 1970; −infinity as −1); the first is a bigint.
    {name} in the query stands for an array of text. The rows come in no order.

    A message a row costs more than the row: the database strings each column together, PIECES
    strings of it, since a string may have a gigabyte at most.
    """
    literals = {
        name: sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(map(sql.Literal, values)))
        for name, values in lists.items()
    }
    names = [sql.Identifier(f"v{place}") for place in range(len(shape))]
    wrapped = sql.SQL(
        "COPY (SELECT count(*), {} FROM ({}) q ({}) GROUP BY abs(v0) % {})"
        " TO STDOUT (FORMAT binary)"
    ).format(
        sql.SQL(", ").join(
            sql.SQL("string_agg({}({}), '')").format(sql.SQL(SENDS[letter]), name)
            for name, letter in zip(names, shape, strict=True)
        ),
        sql.SQL(query).format(**literals),
        sql.SQL(", ").join(names),
        sql.Literal(PIECES),
    )
    connection.ensure_connection()
    with connection.connection.cursor() as cursor, cursor.copy(wrapped) as copy:
        data = b"".join(copy)
    pieces: list[list[np.ndarray]] = [[np.zeros(0, dtype=WIDTHS[letter])] for letter in shape]
    place = len(HEAD)
    while data[place : place + len(TAIL)] != TAIL:
        fields = []
        place += FIELDS
        for _ in range(1 + len(shape)):
            size = int.from_bytes(data[place : place + SIZE], signed=True)
            fields.append((place + SIZE, size))
            place += SIZE + max(size, 0)
        at, size = fields[0]
        rows = int.from_bytes(data[at : at + size])
        for column, letter, (at, size) in zip(pieces, shape, fields[1:], strict=True):
            kind = np.dtype(WIDTHS[letter])
            if size != rows * kind.itemsize:
                raise ValueError("a column of grouping's input was null")
            column.append(np.frombuffer(data, dtype=kind, offset=at, count=rows))
    return [
        _column(np.concatenate(column), letter)
        for column, letter in zip(pieces, shape, strict=True)
    ]


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
