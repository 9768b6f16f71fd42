"""Does a mark survive distillation? A teacher writes marked text, a small student learns from it.

Teacher and student are trigram models on different halves of a text: BENCH_DATA/text/*.txt.gz where
given, else the docstrings of Python's own library. The student is then tuned on teacher's text of
which a share is marked. Closed setting: it writes, and its distinct (context, token) pairs are
scored. Open setting (reading mode): marked text is read to it, and its own most probable next
tokens are scored; once fresh text that it never saw (the figure that is judged), once the very text
that it was served. Beside them stand 1,000 wrong keys and the student that never saw a mark.

Null laws: p of the own key is the exact binomial tail, which is conservative. p of wrong keys is
randomised, P(more) + U·P(equal), which is uniform under the null although the law is discrete.
"""

import ast
import gzip
import json
import os
import sys
import sysconfig
import time
from collections import Counter
from pathlib import Path

import numpy as np

from ingest.watermark import GreenList, Gumbel, WatermarkProcessor, score, unique_rows, windows
from ingest.watermark.control import KEYS, judge_control, wrong_key
from ingest.watermark.ngram import TrigramModel
from ingest.watermark.tokenizers import WORD
from ingest.watermark.windows import filtered, reading_rows

SEED = 20_261
VOCABULARY, HALF = 3000, 600_000
TUNED, WEIGHT = 100_000, 8
WRITTEN = 60_000
READ = {"green-list": 120_000, "gumbel": 30_000}  # tokens of fresh marked text
SEQUENCE = 500
SHARES = (0, 1, 2, 5, 10, 25)
OWN = bytes(range(32))
GREEN = GreenList(gamma=0.25, delta=3.0, width=2)
GUMBEL = Gumbel(width=2)


def main() -> int:
    teacher_text, student_text = halves(tokens_of(words_of_text()))
    teacher = TrigramModel(VOCABULARY).fit(teacher_text)
    plain = teacher.write(rng(1), TUNED // SEQUENCE, SEQUENCE)
    missed = 0
    for scheme, shares in ((GREEN, SHARES), (GUMBEL, (0, 5, 25))):
        missed += distil(scheme, shares, teacher, plain, student_text)
    # of this process alone: what else the machine does is not the experiment's cost
    seconds = time.process_time()
    missed += seconds > 90
    print_figure("watermark_cpu_seconds", seconds, "s of one core", "≤ 90", seconds <= 90)
    return 1 if missed else 0


def distil(scheme, shares, teacher, plain, student_text) -> int:
    """Figures of one scheme; how many missed."""
    mark = WatermarkProcessor(scheme, OWN)
    most = TUNED * max(shares) // 100
    marked = teacher.write(rng(2), most // SEQUENCE, SEQUENCE, mark)
    fresh = teacher.write(rng(3), READ[scheme.name] // SEQUENCE, SEQUENCE, mark)
    missed = 0
    name = scheme.name.replace("-", "_")
    of_teacher = score(scheme, OWN, unique_rows(windows(fresh[:1, :200], 2)))
    show(f"{name}_teacher_200_tokens", of_teacher.log10_p)
    for share in shares:
        count = share * len(plain) // 100
        tuned = np.concatenate([marked[:count], plain[count:]])
        student = TrigramModel(VOCABULARY).fit(student_text)
        for sequence in tuned:
            student.fit(sequence, WEIGHT)
        written = student.write(rng(4), WRITTEN // SEQUENCE, SEQUENCE)
        every = windows(written, 2)
        closed_rows, open_rows = unique_rows(every), reading_rows(fresh, student.top, 2)
        closed, opened = score(scheme, OWN, closed_rows), score(scheme, OWN, open_rows)
        at = f"{name}_{share}_percent"
        if share == 0:
            missed += show(f"{at}_closed", closed.log10_p, low=-3)
            missed += show(f"{at}_open", opened.log10_p, low=-3)
        else:
            judged = scheme is GREEN and share == 5
            show(f"{at}_closed", closed.log10_p)
            missed += show(f"{at}_open", opened.log10_p, high=-6 if judged else None)
            known = filtered(closed_rows, marked[:count], 2)
            show(f"{at}_closed_filtered", score(scheme, OWN, known).log10_p)
            served = reading_rows(marked[:count], student.top, 2)
            show(f"{at}_open_served", score(scheme, OWN, served).log10_p)
        note(f"{at}: {closed.n:,} of {len(every):,} pairs scored closed, {opened.n:,} open")
        if share in (0, 5):
            for setting, rows in (("closed", closed_rows), ("open", open_rows)):
                missed += wrong_keys(f"{at}_{setting}", scheme, rows)
        if share == 0 and scheme is GREEN:
            repeated = judge_control([wrong_key(scheme, every, SEED, i)[0] for i in range(60)])
            said = "of keys below 0.05: the fault that de-duplication mends"
            name_of = f"watermark_{at}_wrong_keys_not_deduplicated"
            print_figure(name_of, repeated.share, said, None, None)
    return missed


def wrong_keys(name: str, scheme, rows) -> int:
    control = judge_control([wrong_key(scheme, rows, SEED, i)[0] for i in range(KEYS)])
    fits = 0.029 <= control.share <= 0.071
    print_figure(f"watermark_{name}_wrong_keys_below_0.05", control.share,
                 f"of {KEYS:,} keys, randomised p", "0.029 to 0.071", fits)  # fmt: skip
    return not fits


def words_of_text() -> list[str]:
    given = os.environ.get("BENCH_DATA")
    folder = Path(given, "text") if given else None
    if folder and (files := sorted(folder.glob("*.txt.gz"))):
        note(f"watermark: text from {len(files)} files of BENCH_DATA/text")
        texts = [gzip.decompress(file.read_bytes()).decode() for file in files]
    else:
        note("watermark: no BENCH_DATA/text, so docstrings of Python's own library")
        texts = docstrings()
    return [word.lower() for text in texts for word in WORD.findall(text)]


def docstrings() -> list[str]:
    """Every docstring of the standard library, in the order of its files."""
    library, found = Path(sysconfig.get_paths()["stdlib"]), []
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library).parts
        if {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(inside):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue  # a fixture of another version or encoding
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        nodes = (node for node in ast.walk(tree) if isinstance(node, kinds))
        found += [text for node in nodes if (text := ast.get_docstring(node))]
    return found


def tokens_of(words: list[str]) -> np.ndarray:
    """The commonest words by rank; the others are one token."""
    common = [word for word, _ in Counter(words).most_common(VOCABULARY - 1)]
    ids = {word: i for i, word in enumerate(common)}
    return np.array([ids.get(word, VOCABULARY - 1) for word in words])


def halves(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = len(tokens) // 2
    return tokens[:middle][:HALF], tokens[middle:][:HALF]


def rng(part: int) -> np.random.Generator:
    return np.random.default_rng([SEED, part])


def show(name: str, log10_p: float, *, low=None, high=None) -> int:
    """One log10 p; low: it must not be below (not flagged), high: it must be below (found)."""
    limit = f"≥ {low}" if low is not None else f"< {high}" if high is not None else None
    fits = None if limit is None else log10_p >= low if low is not None else log10_p < high
    print_figure(f"watermark_{name}", log10_p, "log10 p, exact", limit, fits)
    return fits is False


def print_figure(name: str, value: float, unit: str, limit: str | None, fits: bool | None) -> None:
    line = {"name": name, "value": round(value, 4), "unit": unit, "limit": limit,
            "ok": fits is not False}  # fmt: skip
    print(json.dumps(line, ensure_ascii=False), flush=True)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
