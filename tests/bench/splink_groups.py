"""The same records grouped by Splink (MIT), set up as its documentation advises and not tuned."""

import contextlib
import io
import logging

import pandas as pd
import splink.comparison_library as compare
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SURE = 0.95


def persons_by_splink(rows: list[dict]) -> dict[int, int]:
    table = pd.DataFrame(rows).replace("", None)
    comparisons = [
        compare.JaroWinklerAtThresholds("given_name"),
        compare.JaroWinklerAtThresholds("surname"),
        compare.JaroWinklerAtThresholds("address_1"),
        compare.LevenshteinAtThresholds("date_of_birth"),
        compare.LevenshteinAtThresholds("soc_sec_id"),
        compare.ExactMatch("postcode"),
    ]
    blocks = [
        block_on("soc_sec_id"),
        block_on("date_of_birth"),
        block_on("given_name", "surname"),
        block_on("postcode", "surname"),
    ]
    return _linked(table, comparisons, blocks, (blocks[1], block_on("postcode")))


def publications_by_splink(rows: list[dict]) -> dict[int, int]:
    table = pd.DataFrame(rows).replace("", None)
    table["year"] = table.year.str[:4]
    table["title"] = table.title.str.lower()
    table["opening"] = table.title.str[:12]
    comparisons = [
        compare.JaroWinklerAtThresholds("title"),
        compare.JaroWinklerAtThresholds("authors"),
        compare.ExactMatch("year"),
    ]
    blocks = [block_on("opening"), block_on("authors")]
    return _linked(table, comparisons, [*blocks], (block_on("authors"), block_on("title")))


def _linked(table, comparisons, blocks, passes) -> dict[int, int]:
    """Row → cluster of rows whose match is more likely than SURE."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    table = table.assign(unique_id=range(len(table)))
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=blocks,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        database = DuckDBAPI()
        linker = Linker(database.register(table), settings)
        training = linker.training
        training.estimate_probability_two_random_records_match(blocks[:1], recall=0.8)
        training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in passes:
            training.estimate_parameters_using_expectation_maximisation(rule)
        found = linker.inference.predict(threshold_match_probability=SURE)
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            found, threshold_match_probability=SURE
        )
        frame = clusters.as_pandas_dataframe()
    names = {name: place for place, name in enumerate(frame.cluster_id.unique())}
    return dict(zip(frame.unique_id.tolist(), frame.cluster_id.map(names).tolist(), strict=True))
