"""A log that grows hour by hour, for the tests of running windows."""

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.rehearse import COLUMNS, MONDAY, write_log


class Growing:
    """The rehearsal's requests, let into the log up to a moment, late ones and repeats at will."""

    def __init__(self, folder: Path):
        self.rows = pq.read_table(write_log(folder)).to_pylist()
        self.path = folder / "growing.parquet"

    def write(self, until: datetime, without=(), repeat: int = 0) -> Path:
        rows = [r for r in self.rows if r["at"] < until and r["request_id"] not in without]
        rows += rows[:repeat]
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(COLUMNS.items()))),
                       self.path)  # fmt: skip
        return self.path


def day(number: float) -> datetime:
    return MONDAY + timedelta(days=number)
