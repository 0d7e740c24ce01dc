"""The runtime against the public package `moshi`, on random models of random dimensions.

`make test-parity` installs that package into `.venv-parity`; the two run in separate processes and exchange files.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from bridge.engine.personaplex.verify import verify

from .snapshots import Draw, lm_tensors, mimi_tensors

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-parity" / "bin" / "python"
ORACLE = ROOT / "tests" / "parity" / "oracle.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="NOT COMPARED with public moshi: `make test-parity` installs it"),
]


def random_config(rng: random.Random) -> dict[str, Any]:
    """Dimensions of a snapshot, with every key that the public package asks for."""
    bins, heads, codec_heads = rng.randint(20, 80), rng.choice([2, 3, 4]), rng.choice([2, 4])
    inner_heads, width = rng.choice([2, 4]), codec_heads * rng.choice([8, 12])
    dim, inner = heads * rng.choice([8, 12, 16]), inner_heads * rng.choice([6, 8])
    lm = {
        "dim": dim, "num_layers": rng.randint(1, 3), "num_heads": heads, "hidden_scale": rng.choice([3.0, 4.0, 4.125]),
        "context": rng.randint(5, 40), "max_period": rng.choice([500, 10000]), "causal": True, "layer_scale": None,
        "gating": "silu", "norm": "rms_norm_f32", "positional_embedding": "rope",
        "text_card": rng.randint(30, 200), "existing_text_padding_id": 3, "card": bins, "n_q": 16, "dep_q": 8,
        "delays": [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1],
        "depformer_dim": inner, "depformer_num_layers": rng.randint(1, 2), "depformer_num_heads": inner_heads,
        "depformer_dim_feedforward": rng.choice([4, 5]) * inner, "depformer_layer_scale": None,
        "depformer_multi_linear": True, "depformer_context": 8, "depformer_max_period": 10000,
        "depformer_gating": "silu", "depformer_pos_emb": "none", "depformer_weights_per_step": True,
    }  # fmt: skip
    seanet = {
        "channels": 1, "dimension": width, "causal": True, "n_filters": rng.randint(2, 4), "n_residual_layers": 1,
        "activation": "ELU", "compress": 2, "dilation_base": 2, "disable_norm_outer_blocks": 0,
        "kernel_size": rng.choice([5, 7]), "residual_kernel_size": rng.choice([3, 5]), "last_kernel_size": 3,
        "norm": "none", "pad_mode": "constant", "ratios": rng.choice([[8, 6, 5, 4], [8, 5, 4, 3], [6, 5, 4, 4]]),
        "true_skip": True,
    }  # fmt: skip
    transformer = {
        "d_model": width, "num_heads": codec_heads, "num_layers": rng.randint(1, 2), "causal": True,
        "layer_scale": 0.01, "context": rng.randint(5, 30), "conv_layout": True, "max_period": 10000, "gating": "none",
        "norm": "layer_norm", "positional_embedding": "rope", "dim_feedforward": rng.randint(20, 80),
        "input_dimension": width, "output_dimensions": [width],
    }  # fmt: skip
    quantizer = {
        "dimension": rng.randint(6, 16), "n_q": rng.randint(8, 12), "bins": bins,
        "input_dimension": width, "output_dimension": width,
    }  # fmt: skip
    mimi = {
        "seanet": seanet, "transformer": transformer, "quantizer": quantizer,
        "channels": 1, "sample_rate": 24000, "frame_rate": 12.5, "num_codebooks": 8,
    }  # fmt: skip
    return {"lm": lm, "mimi": mimi}


@pytest.mark.parametrize("seed", range(6))
def test_public_moshi_says_the_same(tmp_path: Path, seed: int) -> None:
    config, draw = random_config(random.Random(seed)), Draw(seed)
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(lm_tensors(config["lm"], draw), tmp_path / "model.safetensors")
    save_file(mimi_tensors(config["mimi"], draw), tmp_path / "tokenizer-e351c8d8-checkpoint125.safetensors")
    inputs = {"caller_codes": draw.codes(config["lm"]["card"], 8, 90), "pcm": 0.3 * draw.table(20 * 1920)}
    save_file(inputs, tmp_path / "inputs.safetensors")
    done = subprocess.run([PYTHON, ORACLE, tmp_path], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = verify(tmp_path)
    assert report.ok, report
    assert report.lm_unprompted is not None and report.lm_unprompted.frames == 89
    assert report.text_logits_max_error is not None and report.mimi_pcm_max_error is not None
