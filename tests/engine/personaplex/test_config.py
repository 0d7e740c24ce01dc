from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.engine.personaplex.config import Config, ConfigError, load_config, parse_config


def test_snapshot_without_dimensions_has_the_published_ones(tmp_path: Path) -> None:
    assert load_config(tmp_path) == Config()
    (tmp_path / "config.json").write_text('{"model_type": "personaplex", "version": "1"}')
    assert load_config(tmp_path) == Config()


def test_published_dimensions() -> None:
    lm, mimi = Config().lm, Config().mimi
    assert (lm.hidden, lm.depformer_hidden, lm.codebooks, lm.rows, lm.max_delay) == (11264, 2816, 8, 17, 1)
    assert lm.delays == (0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1)
    assert lm.initial == (32000, *[2048] * 16)
    assert (mimi.frame_samples, mimi.positions_per_frame) == (1920, 2)


def test_given_keys_replace_published_ones_and_unknown_ones_are_ignored() -> None:
    config = parse_config({"lm": {"dim": 256, "colour": "blue"}, "prompt": {"silence_frames": 0}, "more": 1})
    assert config.lm.dim == 256 and config.lm.num_layers == 32 and config.prompt.silence_frames == 0


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"lm": {"norm": "layer_norm"}}, "lm.norm"),
        ({"lm": {"dim": "large"}}, "lm.dim"),
        ({"lm": {"dim": 0}}, "lm.dim"),
        ({"lm": {"dim": True}}, "lm.dim"),
        ({"lm": {"num_heads": 33}}, "33 heads"),
        ({"lm": {"delays": [0, 1]}}, "lm.delays"),
        ({"lm": {"n_q": 7, "delays": [0] * 8}}, "lm.n_q"),
        ({"lm": [1]}, "lm must be an object"),
        ({"mimi": {"seanet": {"norm": "weight_norm"}}}, "mimi.seanet.norm"),
        ({"mimi": {"seanet": {"ratios": [7, 6]}}}, "no multiple of 42"),
        ({"mimi": {"num_codebooks": 33}}, "mimi.num_codebooks"),
        ({"mimi": {"transformer": {"d_model": 256}}}, "d_model"),
    ],
)
def test_what_this_runtime_is_not_is_refused_with_its_place(data: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError, match=place):
        parse_config(data)


def test_unreadable_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_config(tmp_path)
