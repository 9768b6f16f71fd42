"""The optional sentence encoder: its files are read right, and it tells meanings apart.

What needs it is deselected unless asked for (make test-encoder): it is an extra.
"""

import json

import numpy as np
import pytest

from ingest.detectors import encoder


def test_tensors_come_out_as_they_were_written(tmp_path):
    one, two = np.arange(6, dtype=np.float32), np.array([7.5], dtype=np.float32)
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "one": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
            "places": {"dtype": "I64", "shape": [1], "data_offsets": [28, 36]},
            "two": {"dtype": "F32", "shape": [1], "data_offsets": [24, 28]},
        }
    ).encode()
    header += b" " * (-len(header) % 8)
    path = tmp_path / "model.safetensors"
    path.write_bytes(
        len(header).to_bytes(8, "little") + header + one.tobytes() + two.tobytes() + b"\0" * 8
    )
    found = encoder._weights(path)
    assert set(found) == {"one", "two"}
    assert found["one"].tolist() == [[0, 1, 2], [3, 4, 5]] and found["two"].tolist() == [7.5]


@pytest.mark.encoder
def test_what_means_the_same_is_near_in_other_words_and_whatever_it_is_read_with():
    encode = encoder.SentenceEncoder()
    texts = ["The cat sits on the mat.", "A feline rests upon a rug.", "Integrate x squared.", ""]
    points = encode(texts)
    near = points @ points.T
    assert near[0, 1] > 0.5 > 0.2 > near[0, 2]
    assert np.linalg.norm(points, axis=1) == pytest.approx(1.0, abs=1e-5)
    longer = encode([texts[0], "word " * 300])
    assert longer[0] == pytest.approx(points[0], abs=1e-4), "padding changes nothing"
