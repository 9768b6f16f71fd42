"""Plain tables: Parquet, JSON lines and CSV under usual names, or under those that are mapped."""

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from ingest.readers.columns import CONVERSATIONS, resolve
from ingest.readers.duck import name, view
from ingest.readers.found import Found
from ingest.readers.opened import JsonColumns, Opened

FORM = "plain"
# Anthropic's own names: there cached tokens are counted apart from input_tokens.
APART = ("cache_read_input_tokens", "cache_creation_input_tokens")


def open_plain(
    connection: Backend, table: ir.Table, found: Found, mapping: dict[str, str]
) -> Opened:
    """Raises LogError."""
    table = _with_paths(connection, table, mapping)
    columns = resolve(list(table.columns), mapping, found.location)
    prompt = columns.get("prompt")
    nested = prompt is not None and table[prompt].type().is_nested()
    conversation = nested or (prompt or "").casefold() in CONVERSATIONS
    c = JsonColumns(table)
    made = {}
    if nested:
        made["prompt"] = c.text(prompt)
    if "input_tokens" not in mapping and _apart(columns):
        parts = [c.text(columns["input_tokens"]), *(c.text(part) for part in APART)]
        made["input_tokens"] = " + ".join(
            f"coalesce(try_cast({part} AS DOUBLE), 0)" for part in parts
        )
        made["input_tokens"] = f"CASE WHEN {parts[0]} IS NOT NULL THEN {made['input_tokens']} END"
    spoken = dict(columns)
    if made:
        told = ", ".join(f"{sql} AS {name(f'stillwatch.{to}')}" for to, sql in made.items())
        table = view(connection, f"SELECT *, {told} FROM {table.get_name()}")
        columns |= {target: f"stillwatch.{target}" for target in made}
    return Opened(
        FORM, table, columns, spoken, connection, found,
        kept=found.form != "parquet", conversation=conversation,
    )  # fmt: skip


def open_backend(table: ir.Table, location: str, mapping: dict[str, str]) -> Opened:
    """A warehouse's table. Raises LogError."""
    columns = resolve(list(table.columns), mapping, location)
    return Opened(FORM, table, columns, dict(columns))


def _apart(columns: dict[str, str]) -> bool:
    named = {field: column.casefold() for field, column in columns.items()}
    return named.get("input_tokens") == "input_tokens" and named.get("cached_tokens") == APART[0]


def _with_paths(connection: Backend, table: ir.Table, mapping: dict[str, str]) -> ir.Table:
    """The table with a column for each metadata.tenant that is mapped and is no column yet."""
    c = JsonColumns(table)
    made = {
        given: c.lookup(given)
        for given in mapping.values()
        if not c.raw(given) and c.lookup(given) is not None
    }
    if not made:
        return table
    told = ", ".join(f"{sql} AS {name(given)}" for given, sql in made.items())
    return view(connection, f"SELECT *, {told} FROM {table.get_name()}")
