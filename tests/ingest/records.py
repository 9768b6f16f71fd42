"""Records as detectors send them, for the tests of the doors."""

import json
from datetime import UTC, datetime, timedelta

DAY = datetime(2026, 11, 20, tzinfo=UTC)


def make_record(ref="r-1", **fields) -> dict:
    record = {
        "ref": ref,
        "account": {"id": "acct-1", "organisation": "org-1", "plan": "build"},
        "window_start": DAY.isoformat(),
        "window_end": (DAY + timedelta(days=1)).isoformat(),
        "score": 0.9,
        "p_value": 1e-6,
        "summary": "40 times the median of its plan",
        "attributes": [
            {
                "kind": "payment",
                "value": "card-1",
                "first_at": (DAY + timedelta(hours=2)).isoformat(),
                "last_at": (DAY + timedelta(hours=20, microseconds=123457)).isoformat(),
                "count": 7,
            }
        ],
        "activity": [
            {"hour": (DAY + timedelta(hours=3)).isoformat(), "model": "orion", "requests": 30}
        ],
        "samples": [{"text": "<b>Solve</b> \u202etask\u202c 7"}],
        "evidence": {"requests": 9000, "median": 40.5},
    }
    return record | fields


def as_json(*records) -> bytes:
    return json.dumps(records[0] if len(records) == 1 else list(records)).encode()


def as_lines(*records) -> bytes:
    lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
    return b"\n".join(lines) + b"\n"
