"""Small request logs, made by hand, for the readers' and detectors' tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.readers import open_logs

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
COLUMNS = {
    "request_id": pa.string(), "at": pa.timestamp("ms", tz="UTC"), "account_id": pa.string(),
    "organisation": pa.string(), "plan": pa.string(), "ip": pa.string(), "asn": pa.int64(),
    "user_agent": pa.string(), "payment": pa.string(), "device": pa.string(), "model": pa.string(),
    "prompt": pa.string(), "output_tokens": pa.int64(), "stop_reason": pa.string(),
}  # fmt: skip


class LogBook:
    """Collects requests and writes them down."""

    def __init__(self):
        self.rows: list[dict] = []

    def add(self, account: str, prompt: str | None = None, *, hours: float = 0.0, **fields) -> None:
        number = len(self.rows)
        self.rows.append(
            {
                "request_id": f"r{number}",
                "at": MONDAY + timedelta(hours=hours),
                "account_id": account,
                "organisation": f"org-{account}",
                "prompt": prompt,
                "model": "orion-large",
                **fields,
            }
        )

    def write(self, path: Path) -> Path:
        table = pa.Table.from_pylist(self.rows, schema=pa.schema(list(COLUMNS.items())))
        pq.write_table(table, path)
        return path

    def open(self, folder: Path):
        return open_logs(str(self.write(folder / "requests.parquet")))
