"""Intermediate tables stay where the log is."""

import ibis
import ibis.expr.types as ir

from ingest.detectors.crossing import crossing
from ingest.readers import duck


def keep(expression: ir.Table) -> ir.Table:
    """The expression's rows as a temporary table of the backend, so that they are computed once."""
    backend = expression.get_backend()
    watched = crossing()
    if watched:
        watched.asked(expression)
    if backend.name == "duckdb":
        # not cache(): newer releases of sqlglot write its DROP without the table's name
        kept = backend.create_table(ibis.util.gen_name("stillwatch"), expression, temp=True)
    else:
        if backend.name == "pyspark":
            # its cache() forgets to bring tables that came from here (ibis 12.0)
            backend._run_pre_execute_hooks(expression)
        kept = expression.cache()
    if watched:
        watched.kept(kept, expression)
    return kept


def copy(requests: ir.Table) -> ir.Table:
    """The rows of a log in files, in the normal form, in a file of our own that goes with the
    connection: thirty queries would each bring them into the form again."""
    watched = crossing()
    if watched:
        watched.asked(requests)
    copied = duck.keep(requests.get_backend(), requests, catalog="copied")
    if watched:
        watched.kept(copied, requests)
    return copied
