"""Simulated traffic: the same for a seed, another for another, and the truth about all of it."""

import json
import re
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from ingest.readers import read_logs
from ingest.simulate import COLUMNS, simulate
from ingest.simulate.hostile import NAMES

END = datetime(2026, 11, 20, tzinfo=UTC)
SMALL = {"days": 4, "end": END, "people": 60}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """seed → (truth, folder), simulated once each."""
    found = {}

    def make(seed):
        if seed not in found:
            folder = tmp_path_factory.mktemp(f"seed-{seed}")
            found[seed] = simulate(folder, seed=seed, **SMALL), folder
        return found[seed]

    return make


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    _, folder = made(1)
    simulate(tmp_path, seed=1, **SMALL)
    for name in ("requests.parquet", "truth.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_whenever_it_ends_a_seed_plants_the_same_campaigns(made, tmp_path):
    truth, folder = made(1)
    moment = timedelta(days=3, hours=14)  # over a weekend, where the first has none
    later = simulate(tmp_path, seed=1, **SMALL | {"end": END + moment})
    assert later.campaigns == truth.campaigns and later.accounts == truth.accounts
    times = [pq.read_table(one / "requests.parquet")["at"] for one in (folder, tmp_path)]
    moved = {after - at for at, after in zip(*(t.to_pylist() for t in times), strict=True)}
    assert moved == {moment}


def test_another_seed_gives_another_structure_and_not_only_other_names(made):
    plans = []
    for seed in (1, 2):
        truth, _ = made(seed)
        plans.append([sorted(plan.items(), key=str) for plan in truth.campaigns.values()])
    assert not [plan for plan in plans[0] if plan in plans[1]]
    shapes = [sorted((dict(p)["kind"], dict(p)["size"]) for p in part) for part in plans]
    assert shapes[0] != shapes[1]


def test_the_truth_covers_every_account_and_names_no_other(made):
    truth, folder = made(1)
    table = pq.read_table(folder / "requests.parquet", columns=["account_id"])
    told = json.loads((folder / "truth.json").read_text())
    assert set(told["accounts"]) == set(table["account_id"].to_pylist()) == set(truth.accounts)
    assert told["requests"] == truth.requests == len(table)
    for account in told["accounts"].values():
        assert (account["label"] == "campaign") == bool(account["campaign"])
    for name, plan in told["campaigns"].items():
        assert 0 < len(truth.members(name)) <= plan["size"]
        assert {truth.accounts[member].kind for member in truth.members(name)} == {plan["kind"]}


def test_accounts_with_hostile_names_are_there_and_are_no_campaign(made):
    truth, _ = made(1)
    assert {truth.accounts[name].label for name in NAMES} == {"ordinary"}


def test_innocent_look_alikes_of_each_kind_are_there(made):
    truth, _ = made(1)
    kinds = {label.kind for label in truth.accounts.values() if label.label == "lookalike"}
    assert kinds == {
        "evaluation harness", "university course", "gateway", "continuous integration", "product",
        "vpn pool", "office", "nightly batch",
    }  # fmt: skip


def test_one_campaign_is_clearly_larger_and_answers_are_as_long_as_each_plan_says(made):
    truth, folder = made(1)
    sizes = sorted(plan["size"] for plan in truth.campaigns.values())
    assert sizes[-1] >= 150 > sizes[-2]
    table = pq.read_table(folder / "requests.parquet").to_pandas()
    lengths = set()
    for name, plan in truth.campaigns.items():
        # what hides among ordinary conversations is as short as they are
        model = "lumen-large" if plan["thinking"] is None else "lumen-think"
        ours = table[table.account_id.isin(truth.members(name)) & (table.stop_reason != "refusal")]
        ours = ours[ours.model == model]
        mean = ours.output_tokens.mean()
        lengths.add(plan["answer"])
        assert 0.6 * plan["answer"] < mean < 1.15 * plan["answer"], name
        if plan["thinking"] is None:
            assert ours.reasoning_tokens.isna().all(), "not recorded, and not 0"
        else:
            assert (ours.reasoning_tokens <= ours.output_tokens).all(), "reasoning is part of it"
    assert len(lengths) == len(truth.campaigns)


def test_the_log_is_read_by_its_own_names_within_its_window(made):
    _, folder = made(1)
    logs = read_logs(str(folder / "requests.parquet"))
    assert set(logs.columns) == {"request_id", *COLUMNS}
    assert not logs.repeated and not logs.without_account and not logs.without_time
    first, last = logs.requests["at"].min().execute(), logs.requests["at"].max().execute()
    assert first >= datetime(2026, 11, 16) and last < END.replace(tzinfo=None)


def test_addresses_and_networks_belong_to_nobody(made):
    _, folder = made(2)
    table = pq.read_table(folder / "requests.parquet", columns=["ip", "asn"]).to_pandas()
    assert table.ip.str.match(r"10(\.[0-9]{1,3}){3}$").all()
    assert table.asn.between(64512, 65534).all()


def test_the_command_says_what_it_made_and_refuses_odd_windows_in_one_line(tmp_path, capsys):
    call_command("simulate", out=tmp_path / "log", seed=3, days=2, end="2026-11-20T00:00:00Z")
    assert re.search(r"[0-9,]+ requests of [0-9,]+ accounts .* campaigns", capsys.readouterr().out)
    told = json.loads((tmp_path / "log" / "truth.json").read_text())
    at_work = {account["campaign"] for account in told["accounts"].values()}
    assert set(told["campaigns"]) <= at_work, "none begins after a short log ends"
    for options in ({"days": 1}, {"end": "soon"}):
        with pytest.raises(CommandError) as caught:
            call_command("simulate", out=tmp_path / "none", **options)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CommandError, match="file"):
        call_command("simulate", out=tmp_path / "file", days=2)
