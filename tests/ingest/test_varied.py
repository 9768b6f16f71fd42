"""Worlds drawn anew: the same for a seed, another structure for another, and all of it labelled."""

import pyarrow.parquet as pq
import pytest

from ingest.readers import open_logs
from ingest.simulate.varied import KINDS, draw_world

PLANTED = {
    "evaluation harness", "nightly batch", "continuous integration", "gateway", "university",
    "homework", "red team", "translation job", "classification batch", "agents", "product",
    "vpn pool", "office",
}  # fmt: skip


@pytest.fixture(scope="module")
def worlds():
    return {seed: draw_world(seed, accounts=80) for seed in (1, 2)}


def test_a_world_is_the_same_for_its_seed_and_another_for_another(worlds):
    again = draw_world(1, accounts=80)
    assert again.columns == worlds[1].columns and again.truth == worlds[1].truth
    told = [set(world.columns["prompt"]) for world in worlds.values()]
    assert not told[0] & told[1], "another language too"
    plans = [list(world.campaigns.values()) for world in worlds.values()]
    assert not [plan for plan in plans[0] if plan in plans[1]]


def test_the_truth_names_every_account_and_plants_every_look_alike(worlds):
    for world in worlds.values():
        assert set(world.truth) == set(world.columns["account_id"])
        assert {kind for label, kind, _ in world.truth.values() if label == "hazard"} == PLANTED
        named = {campaign for _, _, campaign in world.truth.values()} - {""}
        assert named == set(world.campaigns)


def test_every_kind_of_campaign_can_be_planted_at_a_size_and_shares_something_recorded():
    for seed, kind in enumerate(KINDS):
        world = draw_world(seed, accounts=40, campaigns=[kind], size=15)
        members = {name for name, (_, _, campaign) in world.truth.items() if campaign}
        assert 10 <= len(members) <= 15
        owners = {}
        for column in ("ip", "payment", "device"):
            for name, value in zip(
                world.columns["account_id"], world.columns.get(column, ()), strict=False
            ):
                if name in members and value:
                    owners.setdefault((column, value), set()).add(name)
        assert max(map(len, owners.values())) >= 2, kind


def test_a_world_is_read_as_any_log_and_families_can_be_left_out_or_thinned(worlds, tmp_path):
    world = worlds[1]
    whole = world.write(tmp_path / "whole.parquet")
    assert open_logs(str(whole)).account_id.nunique().execute() == len(world.truth)
    assert (
        "prompt"
        not in pq.read_schema(world.write(tmp_path / "mute.parquet", without="content")).names
    )
    thin = world.write(tmp_path / "thin.parquet", keep=0.3)
    lines = len(world.columns["at"])
    assert 0.28 < pq.read_metadata(thin).num_rows / lines < 0.32
