"""Intermediate tables stay where the log is."""

import ibis
import ibis.expr.types as ir

from ingest.detectors.crossing import crossing


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
