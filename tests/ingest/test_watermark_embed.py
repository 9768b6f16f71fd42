"""Marking while a model writes, and the door for a suspect's lines and its tokenizers."""

import json
import sys
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.watermark import (
    GreenList,
    Gumbel,
    WatermarkProcessor,
    scheme_from,
    score,
    unique_rows,
    windows,
)
from ingest.watermark.lines import BadLine, Line, read_lines
from ingest.watermark.tokenizers import UnknownTokenizer, tokenizer, words

SECRET, OTHER = b"s" * 32, b"o" * 32
VOCABULARY = 500


def write(processor, length=600, batch=2, seed=0, columns=None):
    """A model with flat scores and a little taste, sampled by softmax."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(0, 1, VOCABULARY)
    ids = np.zeros((batch, 1), np.int64)
    names = np.arange(VOCABULARY) if columns is None else columns
    for _ in range(length):
        scores = processor(ids, np.tile(taste, (batch, 1)))
        gumbel = -np.log(-np.log(rng.random(scores.shape)))
        ids = np.hstack([ids, names[np.argmax(scores + gumbel, axis=1)][:, None]])
    return ids[:, 1:]


@pytest.mark.parametrize("scheme", [GreenList(), Gumbel(width=3)])
def test_what_the_processor_marks_the_test_finds_and_only_under_its_key(scheme):
    text = write(WatermarkProcessor(scheme, SECRET))
    rows = unique_rows(windows(text, scheme.width))
    assert score(scheme, SECRET, rows).log10_p < -20
    assert score(scheme, OTHER, rows).p > 0.001
    plain = unique_rows(windows(write(lambda ids, scores: scores), scheme.width))
    assert score(scheme, SECRET, plain).p > 0.001


@pytest.mark.parametrize("scheme", [GreenList(), Gumbel(width=2)])
def test_a_model_whose_columns_are_not_token_ids_is_marked_by_the_ids(scheme):
    names = np.random.default_rng(1).permutation(2**20)[:VOCABULARY]
    text = write(WatermarkProcessor(scheme, SECRET, columns=names), columns=names)
    assert score(scheme, SECRET, unique_rows(windows(text, scheme.width))).log10_p < -20


def test_the_processor_moves_green_logits_by_delta_and_no_others():
    scheme = GreenList(gamma=0.25, delta=3.0)
    ids, scores = np.array([[4, 5, 6]]), np.zeros((1, VOCABULARY), np.float32)
    marked = WatermarkProcessor(scheme, SECRET)(ids, scores)
    assert marked.dtype == np.float32
    rows = np.array([[5, 6, token] for token in range(VOCABULARY)])
    assert np.array_equal(marked[0] > 0, scheme.values(SECRET, rows) == 1)
    assert set(np.unique(marked)) == {0.0, 3.0}
    assert not scores.any()  # what came in is left alone
    short = WatermarkProcessor(scheme, SECRET)(np.array([[4]]), scores)
    assert np.array_equal(short, scores)


def test_gumbel_keeps_the_models_own_distribution_over_keys():
    taste = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    counts = np.zeros(4)
    for i in range(3000):
        processor = WatermarkProcessor(Gumbel(width=1), i.to_bytes(32, "big"))
        counts += np.isfinite(processor(np.array([[3]]), taste[None, :])[0])
    assert counts / 3000 == pytest.approx(np.exp(taste), abs=0.03)


def test_gumbel_leaves_a_context_that_it_has_used_to_plain_sampling():
    processor = WatermarkProcessor(Gumbel(width=2), SECRET)
    scores = np.zeros((2, VOCABULARY))
    marked = processor(np.array([[1, 2, 3, 4], [1, 2, 1, 2]]), scores)
    assert np.isfinite(marked[0]).sum() == 1
    assert np.isfinite(marked[1]).all()


class Tensor:
    """As much of torch.Tensor as generate's processors are given."""

    def __init__(self, array, dtype="torch.float32"):
        self.array, self.dtype = np.asarray(array), dtype

    def detach(self):
        return self

    cpu = detach

    def float(self):
        return Tensor(self.array)

    def numpy(self):
        assert self.dtype != "torch.bfloat16", "numpy has no bfloat16"
        return self.array

    def new_tensor(self, array):
        return Tensor(array, self.dtype)


def test_tensors_come_back_as_tensors_of_the_same_kind():
    processor = WatermarkProcessor(GreenList(), SECRET)
    ids, scores = np.array([[4, 5, 6]]), np.zeros((1, VOCABULARY))
    back = processor(Tensor(ids, "torch.int64"), Tensor(scores, "torch.bfloat16"))
    assert isinstance(back, Tensor) and back.dtype == "torch.bfloat16"
    assert np.array_equal(back.array, processor(ids, scores))


def test_the_secret_is_not_in_what_a_processor_says_of_itself():
    assert "sss" not in repr(WatermarkProcessor(GreenList(), SECRET))


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("green", {}, "use one of green-list, gumbel"),
        ("green-list", {"gamma": 1.5}, "gamma is 1.5: it must be a number from 0.01 to 0.99"),
        ("green-list", {"width": 2.0}, "width is 2.0: it must be a whole number"),
        ("green-list", {"width": True}, "width is True"),
        ("gumbel", {"delta": 2}, "gumbel takes the parameters width, temperature and no other"),
        ("gumbel", {"temperature": "hot"}, "temperature is 'hot'"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_range(name, parameters, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        scheme_from(name, parameters)


def test_words_are_the_same_on_every_machine_and_survive_joining():
    text = "It's 3.5 °C — naïve, na\u0069\u0308ve!\n\tdone"
    ids = words(text)
    assert ids[:3] == words("It ' s") and len(ids) == 14
    assert ids[9] == ids[11]  # two spellings of ï are one
    assert words("the")[0] == 964128125
    assert words(" ".join(["It", "'", "s", "3", ".", "5"])) == ids[:6]


def test_a_tokenizer_is_found_by_name_or_says_what_is_missing(tmp_path, monkeypatch):
    assert tokenizer("words-v1", None) is words
    for name, folder, said in (
        ("nothing", tmp_path, "use words-v1 or file:NAME"),
        ("file:../../etc/passwd", tmp_path, "is not known"),
        ("file:bpe", None, "needs WATERMARK_TOKENIZERS"),
        ("file:bpe", tmp_path, "there is no bpe.json"),
    ):
        with pytest.raises(UnknownTokenizer, match=said):
            tokenizer(name, folder)
    (tmp_path / "bpe.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UnknownTokenizer, match="pip install tokenizers"):
        tokenizer("file:bpe", tmp_path)


def test_a_tokenizer_file_is_read_by_the_package_and_a_bad_one_is_named(tmp_path, monkeypatch):
    class Stand:
        @staticmethod
        def from_file(path):
            if "bad" in path:
                raise Exception("expected value at line 1")  # as the package does
            return Stand()

        def encode(self, text, add_special_tokens):
            assert add_special_tokens is False
            return types.SimpleNamespace(ids=[len(word) for word in text.split()])

    monkeypatch.setitem(sys.modules, "tokenizers", types.SimpleNamespace(Tokenizer=Stand))
    (tmp_path / "bpe.json").write_text("{}")
    (tmp_path / "bad.json").write_text("")
    assert tokenizer("file:bpe", tmp_path)("one three") == [3, 5]
    with pytest.raises(UnknownTokenizer, match=r"bad\.json is no tokenizer file: expected"):
        tokenizer("file:bad", tmp_path)


def test_lines_give_text_or_tokens_with_what_is_known_of_the_prompt():
    raw = [
        b'\xef\xbb\xbf{"text": "a b", "prompt": "p", "model": "x"}\n',
        b"\n",
        b'{"tokens": [1, 2], "prompt_tokens": [3], "key": "K-1"}',
    ]
    assert list(read_lines(raw)) == [
        Line(1, "a b", None, "p", None, None),
        Line(3, None, [1, 2], None, [3], "K-1"),
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not an object"),
        (b'"x"', "not an object"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{}", "text or tokens: give one of them"),
        (b'{"text": "a", "tokens": [1]}', "text or tokens: give one of them"),
        (b'{"text": "  "}', "text: empty"),
        (b'{"text": 5}', "text: not a string"),
        (b'{"text": "a", "prompt": []}', "prompt: not a string"),
        (b'{"text": "\\ud800"}', "surrogate"),
        (b'{"tokens": []}', "tokens: empty"),
        (b'{"tokens": [1.0]}', "whole numbers"),
        (b'{"tokens": [true]}', "whole numbers"),
        (b'{"tokens": [-1]}', "whole numbers"),
        (b'{"tokens": [4294967296]}', "whole numbers"),
        (b"[" * 100_000, "not JSON"),
        (b" " * 2 + b"x" * (1 << 20), "longer than 1 MiB"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(raw, reason):
    found = list(read_lines([b'{"text": "fine"}', raw]))
    assert isinstance(found[0], Line)
    assert isinstance(found[1], BadLine)
    assert found[1].number == 2 and reason in found[1].reason


# how fast examples come depends on the machine's load, and is not what is asked
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@PATIENT
@given(st.binary(max_size=200))
def test_no_bytes_break_the_door(raw):
    for found in read_lines([raw]):
        assert isinstance(found, Line | BadLine)


@PATIENT
@given(st.dictionaries(st.sampled_from(["text", "tokens", "prompt", "key"]), st.text() | st.none()))
def test_no_object_breaks_the_door(record):
    for found in read_lines([json.dumps(record).encode()]):
        assert isinstance(found, Line | BadLine)
