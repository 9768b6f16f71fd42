"""Log-locked mode: what crosses is declared, by the expression and by the values that came back."""

from types import SimpleNamespace

import ibis
import pytest
from ibis.backends.duckdb import Backend

from ingest.detectors import DETECTORS, declaration, volume
from ingest.detectors.crossing import Crossing, Undeclared
from ingest.detectors.lineage import Lineage
from ingest.detectors.population import EXPORTS
from ingest.models import DetectorCost, DetectorRun, Signal
from ingest.readers.columns import TYPES
from ingest.rehearse import ask_everything
from ingest.services import detect_write
from ingest.services.detect import detect
from ingest.services.log_source import LogSource
from tests.ingest.traffic import Growing, day

RUNS_LOCKED = [d for d in DETECTORS if not declaration(d).why_not_locked]
NEVER = ("prompt", "api_key_id")  # columns whose values no party may have


@pytest.fixture
def marked(tmp_path):
    """A log in which each value of a column that may never leave carries a mark."""
    log = Growing(tmp_path)
    for number, row in enumerate(log.rows):
        row["prompt"] = f"MARK-prompt {row['prompt']}"
        row["api_key_id"] = f"MARK-api_key_id-{number}"
    return log.write(day(30))


@pytest.fixture
def crossed(monkeypatch):
    """Every value that the driver hands over, whoever asked: beneath the check, not beside it."""
    seen: list[str] = []
    for name in ("execute", "to_pyarrow"):
        inner = getattr(Backend, name)

        def handing_over(self, *args, _inner=inner, **kwargs):
            result = _inner(self, *args, **kwargs)
            frame = result.to_pandas() if hasattr(result, "to_pandas") else result
            seen.append(frame.to_csv() if hasattr(frame, "to_csv") else str(frame))
            return result

        monkeypatch.setattr(Backend, name, handing_over)
    return seen


@pytest.mark.django_db
def test_no_value_of_an_undeclared_column_crosses_in_a_whole_run(marked, crossed):
    run, scores = detect(LogSource(str(marked), locked=True))
    assert RUNS_LOCKED, "nothing ran"
    assert len(crossed) > 5
    for column in NEVER:
        assert not [text for text in crossed if f"MARK-{column}" in text], column
    assert scores is None
    assert run.locked and DetectorRun.objects.get().manifest
    for signal in Signal.objects.all():
        told = f"{signal.summary} {signal.evidence} {signal.samples}"
        assert "MARK" not in told
        assert all(s["text"].startswith("request req-") for s in signal.samples)
    assert Signal.objects.exclude(samples=[]).exists()


def test_the_same_run_unlocked_would_have_shown_the_marks(marked, crossed):
    from ingest.readers import open_logs

    ask_everything(open_logs(str(marked)))
    assert any("MARK-prompt" in text for text in crossed), "else the test above proves nothing"


@pytest.mark.django_db
def test_the_manifest_names_parties_columns_and_rows(marked, monkeypatch):
    monkeypatch.setattr(detect_write, "DETECTORS", (volume,))
    said = []
    run, _ = detect(LogSource(str(marked), locked=True), say=said.append)
    parties = {row["party"]: row for row in run.manifest}
    assert {"population", "volume", "activity"} <= set(parties)
    carried = {c for labels in parties["population"]["columns"].values() for c in labels}
    assert carried - {"aggregate"} <= EXPORTS | {f"digest({c})" for c in EXPORTS}
    assert all(row["rows"] >= row["results"] > 0 for row in run.manifest)
    assert any(line.startswith("left the warehouse for population: ") for line in said)


@pytest.mark.django_db
def test_a_detector_that_cant_says_so_and_is_not_asked(marked, monkeypatch):
    def asked(requests, population):
        raise AssertionError("it was asked")

    cant = SimpleNamespace(
        SLUG="volume", NAME="V", FAMILY="volume", VERSION="1", NEEDS=(), EXPORTS=(),
        LOCKED=False, LOCKED_REASON="prompts are compared outside the warehouse", detect=asked,
    )  # fmt: skip
    monkeypatch.setattr(detect_write, "DETECTORS", (cant,))
    detect(LogSource(str(marked), locked=True))
    why = DetectorCost.objects.get().not_tested
    assert why == "not in log-locked mode: prompts are compared outside the warehouse"


# the check by itself


@pytest.fixture
def requests(marked):
    from ingest.readers import open_logs

    return open_logs(str(marked))


@pytest.mark.parametrize(
    ("ask", "carries"),
    [
        (lambda t: t.select("prompt"), "prompt"),
        (lambda t: t.select(harmless=t.prompt.left(9).upper()), "prompt"),
        (lambda t: t.group_by("account_id").aggregate(n=t.prompt.min()), "prompt"),
        (lambda t: t.prompt.collect(), "prompt"),
        (lambda t: t.prompt.group_concat(), "prompt"),
        (lambda t: t.select(n=t.prompt.hash()), "digest(prompt)"),
        (lambda t: t.select(n=t.prompt.contains("x")), "digest(prompt)"),
        (lambda t: t.group_by(n=t.api_key_id).aggregate(m=t.count()), "api_key_id"),
        (lambda t: t.select("account_id").union(t.select(account_id=t.prompt)), "prompt"),
        (lambda t: t.join(t.view(), "account_id").select("prompt"), "prompt"),
        (lambda t: t.prompt.max().as_scalar(), "prompt"),
        (lambda t: t.mutate(p=t.prompt.first().over(group_by="account_id")).p, "prompt"),
    ],
)
def test_what_carries_an_undeclared_column_is_refused_before_it_runs(
    requests, crossed, ask, carries
):
    with Crossing(requests, locked=True).open() as gate, gate.of("tester", EXPORTS):
        crossed.clear()
        with pytest.raises(Undeclared) as caught:
            ask(requests).execute()
    assert carries in str(caught.value) and "tester" in str(caught.value)
    assert crossed == [], "it was computed"


def test_a_kept_table_launders_nothing(requests):
    from ingest.detectors.warehouse import keep

    with Crossing(requests, locked=True).open():
        kept = keep(requests.select(n=requests.prompt))
        with pytest.raises(Undeclared, match="prompt"):
            kept.execute()
        stranger = requests.get_backend().create_table("stranger", {"n": [1]})
        with pytest.raises(Undeclared, match=r"\?"):
            stranger.execute()


def test_no_other_way_out_is_open(requests, tmp_path):
    ids = requests.select("request_id")
    with Crossing(requests, locked=True).open():
        with pytest.raises(Undeclared, match="no way out"):
            ids.to_parquet(tmp_path / "out.parquet")
        with pytest.raises(Undeclared, match="no way out"):
            ids.to_pyarrow_batches()
        assert len(ids.execute()) == requests.count().execute()
    ids.to_parquet(tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").exists(), "the doors are as they were"


def test_ids_and_aggregates_cross_without_a_word(requests):
    t = requests
    with Crossing(t, locked=True).open():
        t.aggregate(
            n=t.count(),
            first=t["at"].min(),
            most=t.input_tokens.max(),
            different=t.prompt.nunique(),
            long=t.prompt.length().mean(),
        ).execute()
        t.select("request_id").execute()


def test_read_names_the_columns_that_a_query_needs_and_no_other():
    t = ibis.table(TYPES, name="log")
    lineage = Lineage(t)
    names = ibis.memtable({"account_id": ["a"]})
    some = t.filter(t.prompt.length() > 3).semi_join(names, "account_id")
    assert lineage.read(some.group_by("model").aggregate(n=some.count())) == {
        "prompt", "account_id", "model",
    }  # fmt: skip
    assert lineage.read(t.count()) == set()
    assert lineage.read(t.select("ip", "asn").mutate(x=1).select("ip")) == {"ip"}
    assert lineage.read(t.select("ip", "asn").distinct().select("ip")) == {"ip", "asn"}
