"""Intermediate tables stay where the log is."""

import ibis
import ibis.expr.types as ir


def keep(expression: ir.Table) -> ir.Table:
    """The expression's rows as a temporary table of the backend, so that they are computed once."""
    backend = expression.get_backend()
    if backend.name == "duckdb":
        # not cache(): its table is dropped by a statement that sqlglot 30 writes without a name
        return backend.create_table(ibis.util.gen_name("stillwatch"), expression, temp=True)
    return expression.cache()
