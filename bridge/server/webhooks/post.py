"""The parts of the webhooks, put together from settings."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Final

from bridge.facts.errors import SettingsError
from bridge.facts.settings import Settings
from bridge.server.webhooks.delivery import Delivery
from bridge.server.webhooks.dispatch import Dispatcher
from bridge.server.webhooks.outbox import Outbox
from bridge.server.webhooks.target import Target, parse_target

MIN_SECRET: Final = 16


@dataclass(frozen=True, slots=True)
class PostOffice:
    """What a server with a WEBHOOK_URL has."""

    outbox: Outbox
    delivery: Delivery
    dispatcher: Dispatcher


def receiver(settings: Settings) -> tuple[Target, str] | None:
    """The receiver and the secret; none where none is set. Raises `SettingsError` for what cannot be used."""
    if settings.webhook_url is None:
        return None
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    if len(secret) < MIN_SECRET:
        raise SettingsError(
            f"WEBHOOK_URL needs a WEBHOOK_SECRET of at least {MIN_SECRET} characters, so that the receiver can tell "
            "our messages from others'. Make one with: openssl rand -hex 32"
        )
    return parse_target(settings.webhook_url), secret


def post_office(settings: Settings) -> PostOffice | None:
    """The parts for a receiver, or none."""
    found = receiver(settings)
    if found is None:
        return None
    outbox = Outbox(settings.data_dir)
    delivery = Delivery(*found, time.time)
    return PostOffice(outbox, delivery, Dispatcher(outbox, delivery.attempt, time.time, random.Random()))
