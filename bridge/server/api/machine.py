"""What this machine is, and how many calls it can hold."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from bridge.engine.personaplex.capacity import EFFICIENCY
from bridge.server import machine as facts
from bridge.server.access.access import Access
from bridge.server.machine_room import MachineRoom
from bridge.server.switchboard import Switchboard


class Forecast(BaseModel):
    """What a GPU can hold with weights, and keys and values, of one kind. Computed, not measured."""

    weights: Literal["bf16", "int8", "fp8"]
    weights_bytes: int
    kv: Literal["bf16", "fp8"]
    window_bytes: int = Field(description="Memory of one call of four minutes.")
    step_ms: float | None = Field(description="Length of a step with one call, of the 80 ms there are.")
    by_memory: int = Field(description="Calls that fit into the memory.")
    by_time: int | None = Field(description="Calls that fit into 80 ms; null where the bandwidth is not known.")
    calls: int
    limit: str = Field(description="What allows no more.")
    real_time: bool = Field(description="Whether one call can be held.")


class GpuFacts(BaseModel):
    """One GPU."""

    name: str
    memory_bytes: int
    bandwidth_bytes_per_second: float | None
    compute_capability: str | None
    forecast: list[Forecast]


class Processor(BaseModel):
    """The processor."""

    name: str
    cores: int
    usable_cores: int = Field(description="Those that the bridge may use.")


class Memory(BaseModel):
    """Main memory."""

    total_bytes: int
    available_bytes: int


class Disk(BaseModel):
    """Where something is kept."""

    model_config = ConfigDict(populate_by_name=True)

    purpose: Literal["models", "calls"] = Field(alias="for")
    total_bytes: int
    free_bytes: int


class Holds(BaseModel):
    """What the running engine allows."""

    engine: str
    state: str
    slots: int = Field(description="Places that the engine has.")
    calls: int = Field(description="Calls at once that are taken.")
    bound: Literal["slots", "tick_time", "memory"] = Field(description="What allows no more.")
    by_tick_time: int | None
    by_memory: int | None


class Machine(BaseModel):
    """The machine, and what it can hold."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "processor": {"name": "Intel(R) Xeon(R) Processor", "cores": 16, "usable_cores": 16},
                    "memory": {"total_bytes": 137438953472, "available_bytes": 120259084288},
                    "disks": [{"for": "models", "total_bytes": 500000000000, "free_bytes": 320000000000}],
                    "gpus": [],
                    "efficiency": 0.6,
                    "holds": {
                        "engine": "cascade",
                        "state": "ready",
                        "slots": 64,
                        "calls": 64,
                        "bound": "slots",
                        "by_tick_time": None,
                        "by_memory": None,
                    },
                }
            ]
        }
    )

    processor: Processor
    memory: Memory
    disks: list[Disk]
    gpus: list[GpuFacts] = Field(description="Those that NVIDIA's driver names.")
    efficiency: float = Field(description="Share of a GPU's bandwidth that forecasts count with.")
    holds: Holds


def machine_routes(room: MachineRoom, switchboard: Switchboard, access: Access) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["operation"], dependencies=[Depends(access.requires("system:read"))])

    @router.get("/machine", summary="What this machine is, and how many calls it can hold", response_model=Machine)
    def machine() -> dict[str, Any]:
        """Forecasts for GPUs are computed from memory and bandwidth, as by `callbridge doctor`."""
        settings = room.settings
        return {
            "processor": facts.processor(room.processor),
            "memory": facts.memory(),
            "disks": [facts.disk(settings.model_dir, "models"), facts.disk(settings.data_dir, "calls")],
            "gpus": [facts.gpu_object(gpu) for gpu in room.gpus],
            "efficiency": EFFICIENCY,
            "holds": _holds(switchboard),
        }

    return router


def _holds(switchboard: Switchboard) -> dict[str, Any]:
    engine, beat = switchboard.engine, switchboard.engine.counters.beat
    bound = "slots"
    for name, count in (("tick_time", beat.limit), ("memory", beat.memory_calls)):
        if count is not None and count == engine.limit < engine.capacity:
            bound = name
    return {
        "engine": engine.name,
        "state": engine.state,
        "slots": engine.capacity,
        "calls": engine.limit,
        "bound": bound,
        "by_tick_time": beat.limit,
        "by_memory": beat.memory_calls,
    }
