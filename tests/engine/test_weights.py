import pytest

from bridge.engine import weights
from bridge.facts.errors import EngineError


@pytest.mark.parametrize("model", ["SILERO", "MOONSHINE", "MINILM", "VOCABULARY", "PICO"])
def test_the_installed_weights_are_the_pinned_ones(model):
    folder = weights.locate(getattr(weights, model))
    assert all((folder / name).is_file() for name in getattr(weights, model).sha256)


def test_other_weights_are_refused_with_the_file_and_a_way_out(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"something else")
    with pytest.raises(EngineError, match=r"model\.onnx have the wrong sha256.*make setup"):
        weights.verify(path, "0" * 64)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(EngineError, match=r"gone\.bin are missing.*make setup"):
        weights.verify(tmp_path / "gone.bin", "0" * 64)


def test_a_missing_package_is_named():
    with pytest.raises(EngineError, match=r"no_such_package is missing.*make setup"):
        weights.locate(weights.Weights("no_such_package", "", {}))
