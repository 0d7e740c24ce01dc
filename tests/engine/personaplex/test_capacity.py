"""The forecast is held against the figures that are known for the published model."""

from __future__ import annotations

import pytest

from bridge.engine.personaplex.capacity import Gpu, bound_ms, codec_slot, forecast, known_bandwidth, load, room
from bridge.engine.personaplex.config import Config, LMConfig
from bridge.engine.personaplex.device import parse_nvidia_smi
from bridge.engine.personaplex.random_model import random_model, tiny_config

GIB = 1 << 30


def gpu(name: str, gib: float, capability: tuple[int, int] = (9, 0)) -> Gpu:
    return Gpu(name, int(gib * GIB), known_bandwidth(name), capability)


def test_the_published_model_has_the_published_size() -> None:
    size = load(LMConfig())
    assert size.held == pytest.approx(15.4e9, rel=0.005)
    assert size.moved == pytest.approx(14.75e9, rel=0.001)
    assert size.window == 3000 * 512 * 1024


def test_held_weights_are_counted_as_they_are_loaded() -> None:
    config = tiny_config()
    parameters = sum(parameter.numel() for parameter in random_model(config).lm.parameters())
    assert load(config.lm, width=4).held == 4 * parameters


@pytest.mark.parametrize(
    ("name", "milliseconds"),
    [
        ("NVIDIA L4", 49),
        ("NVIDIA GeForce RTX 4090", 14.6),
        ("NVIDIA A100-SXM4-80GB", 7.2),
        ("NVIDIA H100 80GB HBM3", 4.4),
        ("NVIDIA H200", 3.1),
    ],
)
def test_a_step_of_one_call_is_bound_by_the_memory(name: str, milliseconds: float) -> None:
    bandwidth = known_bandwidth(name)
    assert bandwidth is not None
    assert bound_ms(load(LMConfig()), bandwidth) == pytest.approx(milliseconds, rel=0.02)


@pytest.mark.parametrize(("calls", "milliseconds"), [(32, 13.6), (64, 24.0), (80, 29.3)])
def test_full_windows_add_to_a_step(calls: int, milliseconds: float) -> None:
    assert bound_ms(load(LMConfig()), 4.8e12, calls) == pytest.approx(milliseconds, rel=0.01)


def test_an_h200_holds_about_eighty_calls_for_its_memory() -> None:
    told = forecast(gpu("NVIDIA H200", 139.8), "bf16")
    assert 78 <= told.calls <= 82
    assert told.limit == "memory"


def test_an_l4_cannot_hold_real_time_for_its_bandwidth() -> None:
    told = forecast(gpu("NVIDIA L4", 22.5, (8, 9)), "bf16")
    assert (told.real_time, told.limit) == (False, "bandwidth")
    assert told.step_ms == pytest.approx(82, abs=1)


def test_a_small_gpu_cannot_hold_the_model_for_its_memory() -> None:
    told = forecast(gpu("NVIDIA GeForce RTX 4080", 16, (8, 9)), "bf16")
    assert (told.calls, told.limit) == (0, "memory")
    assert forecast(gpu("NVIDIA GeForce RTX 4080", 16, (8, 9)), "int8").limit == "bandwidth"


def test_eight_bits_save_time_only_where_there_are_units_for_them() -> None:
    hopper, ada = gpu("NVIDIA H100 PCIe", 80), gpu("NVIDIA L40S", 45, (8, 9))
    plain, fp8 = (forecast(hopper, weights).step_ms for weights in ("bf16", "fp8"))
    assert plain is not None and fp8 is not None and fp8 < plain
    plain, fp8 = (forecast(ada, weights).step_ms for weights in ("bf16", "fp8"))
    assert plain is not None and fp8 is not None and fp8 > plain


def test_memory_of_calls_is_counted_as_it_is_taken() -> None:
    """What is left of an H200: 73 full windows in bfloat16, or more calls that are promised less."""
    free = 120_000_000_000
    found = room(Config(), free, width=2)
    assert found.slots == 117
    page, beside = 2 * 32 * 4096 * 2 * 128, codec_slot(Config().mimi)
    assert beside == 2 * 8 * 2 * 250 * 512 * 4
    assert found.pages * page + found.slots * beside <= free < (found.pages + 1) * page + found.slots * beside
    assert found.pages >= 1 + found.slots * 15  # 300 frames of prompt and half a window
    assert room(Config(), free, width=2, slots=32).pages == 1 + 32 * 24
    assert room(Config(), free, width=1).slots == pytest.approx(2 * 117, abs=15)
    assert room(Config(), 500_000_000, width=2).slots == 0


def test_codecs_memory_of_a_call_is_what_its_streams_hold() -> None:
    model = random_model(tiny_config())
    streams = model.mimi.encode_stream(1), model.mimi.decode_stream(1)
    assert codec_slot(model.config.mimi) == sum(stream.window.kv.nbytes for stream in streams)


def test_a_gpu_of_unknown_bandwidth_gets_no_time() -> None:
    told = forecast(gpu("Unheard-of 9000", 48), "bf16")
    assert told.step_ms is None
    assert told.calls > 0


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [("NVIDIA L40S", 864), ("NVIDIA L4", 300), ("NVIDIA A100 80GB PCIe", 1935), ("NVIDIA A10G", 600), ("GRID V", None)],
)
def test_the_longest_name_that_fits_counts(name: str, gigabytes: int | None) -> None:
    assert known_bandwidth(name) == (None if gigabytes is None else gigabytes * 1e9)


def test_the_drivers_tool_is_read() -> None:
    text = "NVIDIA H200, 143771, 9.0\nNVIDIA GeForce GTX 970, 4096, [N/A]\nFailed to initialize NVML\n"
    first, second = parse_nvidia_smi(text)
    assert (first.name, first.memory, first.bandwidth, first.capability) == (
        "NVIDIA H200",
        143771 << 20,
        4.8e12,
        (9, 0),
    )
    assert (second.bandwidth, second.capability) == (None, None)
