"""What a run reads, in bytes: told before it reads anything, and held under a cap while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import duckdb
import ibis
import ibis.expr.types as ir

from ingest.readers import LogError, open_table
from ingest.readers.columns import resolve
from ingest.readers.files import find_files
from ingest.rehearse import OPENING, rehearse
from ingest.services.log_source import LogSource

BLOCK = 262_144  # bytes of a DuckDB block


@dataclass(frozen=True)
class Cost:
    """What a run over a log would read. bytes and rows are None where the backend does not tell."""

    queries: int
    bytes: int | None
    rows: int | None

    def __str__(self):
        size = "an unknown number of bytes" if self.bytes is None else in_units(self.bytes)
        rows = "" if self.rows is None else f" of a log of {self.rows:,} rows"
        return f"{size}{rows}, in {self.queries} queries (as in a rehearsal on an invented log)"


class Files:
    """Parquet tells each column's bytes in its footer, and is read at every look until a run copies
    it; text is taken apart once, when it is opened."""

    def __init__(self, source: LogSource):
        self._source = source
        paths, self._form = find_files(source.logs)
        self._names = [str(path) for path in paths]
        self._whole = sum(path.stat().st_size for path in paths)

    @cached_property
    def _columns(self) -> Mapping[str, int]:
        """Field of the normal form → bytes."""
        try:
            stored = duckdb.execute(
                "SELECT path_in_schema, sum(total_compressed_size)::BIGINT "
                "FROM parquet_metadata(?) GROUP BY 1", [self._names]
            ).fetchall()  # fmt: skip
            names = [row[0] for row in duckdb.execute(
                "SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet(?, "
                "union_by_name = true))", [self._names]
            ).fetchall()]  # fmt: skip
        except duckdb.Error:
            return {}  # reading will say what is wrong with it
        try:
            found = resolve(names, self._source.mapping, self._source.logs)
        except LogError:
            return {}  # a format with names of its own: then all of it counts
        return {
            field: sum(
                size
                for path, size in stored
                if path == column or path.startswith((f"{column}.", f"{column}, "))
            )
            for field, column in found.items()
        }

    def bytes_of(self, columns: frozenset[str]) -> int:
        if self._form != "parquet":
            return self._whole if columns == OPENING else 0
        if not self._columns:
            return self._whole
        return sum(self._columns.get(column, 0) for column in columns)

    @property
    def rows(self) -> int | None:
        if self._form != "parquet":
            return None
        try:
            counted = duckdb.execute(
                "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(?)", [self._names]
            )
            return counted.fetchone()[0]
        except duckdb.Error:
            return None


class Warehouse:
    """A table there: BigQuery, Spark and DuckDB tell bytes, others only rows."""

    def __init__(self, source: LogSource):
        self._table = open_table(source.logs, source.backend)
        self._columns = resolve(list(self._table.columns), source.mapping, source.logs)
        self._known: dict[frozenset[str], int | None] = {}

    def bytes_of(self, columns: frozenset[str]) -> int | None:
        wanted = frozenset(self._columns[c] for c in columns if c in self._columns)
        if wanted not in self._known:
            tell = {"bigquery": _of_bigquery, "pyspark": _of_spark, "duckdb": _of_duckdb}.get(
                self._table.get_backend().name
            )
            expression = self._table.select(sorted(wanted)) if wanted else None
            self._known[wanted] = 0 if expression is None else tell and tell(expression)
        return self._known[wanted]

    @property
    def rows(self) -> int:
        return int(self._table.count().execute())


class Meter:
    """Adds up what a run reads. total is None where nobody can tell."""

    def __init__(self, source: LogSource):
        self._cap = source.max_bytes
        # asking a warehouse before each query takes time: only for a cap that must be kept
        if source.backend and self._cap is None:
            self._scale = None
        else:
            self._scale = Warehouse(source) if source.backend else Files(source)
        self._source = source
        self.total: int | None = None if self._scale is None else 0

    def refuse_beyond_cap(self) -> None:
        """Before anything is read. Raises LogError when the run would read more than the cap."""
        if self._cap is None:
            return
        queries = rehearsal(self._source)
        sizes = [self._scale.bytes_of(columns) for columns in queries]
        if None in sizes:
            raise LogError(
                "this backend does not tell what a query reads, so that --max-bytes can't be kept: "
                "set a quota in the warehouse and leave --max-bytes out"
            )
        if sum(sizes) > self._cap:
            raise LogError(
                f"the run would read {in_units(sum(sizes))} in {len(queries)} queries, which is "
                f"beyond --max-bytes {self._cap:,}: nothing was read. Narrow --since and --until, "
                "or raise the cap"
            )

    def opened(self) -> None:
        self.read(OPENING)

    def read(self, columns: frozenset[str]) -> None:
        """A query is about to read these. Raises LogError when that would go beyond the cap."""
        if self._scale is None:
            return
        size = self._scale.bytes_of(columns)
        if size is None:
            self._scale = self.total = None
            return
        if self._cap is not None and self.total + size > self._cap:
            raise LogError(
                f"--max-bytes {self._cap:,} is reached: {in_units(self.total)} were read, and the "
                f"next query would read {in_units(size)} more. Detectors that are done are stored"
            )
        self.total += size


def rehearsal(source: LogSource) -> tuple[frozenset[str], ...]:
    """The columns that each query of a run over this log reads."""
    return rehearse(source.locked, copied=not (source.backend or source.locked))


def cost_of(source: LogSource) -> Cost:
    """What a run would read, from the log's own figures; nothing of the log is read for it but its
    row count. Raises LogError."""
    scale = Warehouse(source) if source.backend else Files(source)
    queries = rehearsal(source)
    sizes = [scale.bytes_of(columns) for columns in queries]
    return Cost(len(queries), None if None in sizes else sum(sizes), scale.rows)


def in_units(size: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size:,} bytes"


def _of_bigquery(expression: ir.Table) -> int:
    """What BigQuery's own dry run says; it costs nothing and reads nothing."""
    from google.cloud import bigquery

    job = expression.get_backend().client.query(
        ibis.to_sql(expression, dialect="bigquery"),
        job_config=bigquery.QueryJobConfig(dry_run=True, use_query_cache=False),
    )
    return int(job.total_bytes_processed)


def _of_spark(expression: ir.Table) -> int:
    """What Spark's planner expects. Files are counted by the share of the columns' widths."""
    backend = expression.get_backend()
    planned = backend._session.sql(backend.compile(expression))
    return int(str(planned._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()))


def _of_duckdb(expression: ir.Table) -> int | None:
    """Blocks of the columns in a stored database; None for a view, which may read anything."""
    backend, name = expression.get_backend(), expression.op().parent.name
    columns = list(expression.columns)
    try:
        counted = backend.con.execute(
            "SELECT count(DISTINCT block_id) FROM pragma_storage_info(?) "
            "WHERE block_id >= 0 AND column_name IN (SELECT unnest(?))", [name, columns]
        )  # fmt: skip
    except duckdb.Error:
        return None
    (blocks,) = counted.fetchall()[0]  # all of it: the connection takes no query before
    return BLOCK * blocks
