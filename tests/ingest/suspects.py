"""Text of models that did and did not learn a key, for the tests of suspects."""

import hashlib
import json
from unittest import mock

import numpy as np

from ingest.models import Job, SuspectTest, WatermarkKey
from ingest.services import suspect_run
from ingest.services.watermark import make_key, open_key
from ingest.watermark import WatermarkProcessor
from ingest.watermark.lines import Line, read_lines
from ingest.watermark.tokenizers import words

VOCABULARY = [f"word{i}" for i in range(400)]
IDS = np.array([words(word)[0] for word in VOCABULARY])
GREEN = {"gamma": 0.25, "delta": 3.0, "width": 2}


def settled_secrets():
    """Secrets by their place, not by chance: of clean keys one in twenty comes out weak."""

    def draw(size: int) -> bytes:
        place = f"secret {WatermarkKey.objects.count()}".encode()
        return hashlib.sha256(place).digest()[:size]

    return mock.patch("ingest.services.watermark.secrets.token_bytes", draw)


def make_test_key(issued_for="campaign C-1, core", **fields):
    fields = {"actor": None, "scheme": "green-list", "parameters": GREEN} | fields
    with settled_secrets():
        return make_key(issued_for=issued_for, **fields)


def spoken(key=None, *, outputs=30, length=60, seed=1) -> list[str]:
    """What a model says that learnt the key, or none. It writes no two outputs alike."""
    mark = WatermarkProcessor(*open_key(key), columns=IDS) if key else lambda ids, scores: scores
    rng = np.random.default_rng(seed)
    ids, columns = np.zeros((outputs, 1), np.int64), []
    for _ in range(length):
        scores = mark(ids, np.zeros((outputs, len(IDS))))
        chosen = np.argmax(scores - np.log(-np.log(rng.random(scores.shape))), axis=1)
        columns.append(chosen)
        ids = np.hstack([ids, IDS[chosen][:, None]])
    return [" ".join(VOCABULARY[c] for c in row) for row in np.array(columns).T]


def as_lines(texts, **fields) -> list[Line]:
    return list(read_lines(json.dumps({"text": text} | fields).encode() for text in texts))


def run(test: SuspectTest, slices=50) -> SuspectTest:
    """As the sweep does it, until the test is over."""
    for _ in range(slices):
        if Job.objects.get(pk=test.job_id).is_over:
            break
        suspect_run.run_waiting()
    return SuspectTest.objects.select_related("job").get(pk=test.pk)
