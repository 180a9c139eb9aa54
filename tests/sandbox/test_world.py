"""A world of one run: what was turned in it stays so."""

from pathlib import Path

import httpx

from bot.sandbox.houses import HOUSES
from bot.sandbox.slack import DEFAULT_MANIFEST
from bot.sandbox.world import Ports, World, open_world


async def knobs(world: World) -> dict[str, float]:
    """How long a training takes at each vendor."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return {
            name: (await http.get(f"{vendor.origin}/control/settings")).json()["train_seconds"]
            for name, vendor in world.vendors.items()
        }


async def test_a_worlds_own_knobs_are_turned_once_and_then_stay_as_somebody_left_them(tmp_path: Path) -> None:
    ports = Ports.free()
    own = {house.name: house.turned["train_seconds"] for house in HOUSES}
    async with open_world(tmp_path, ports, DEFAULT_MANIFEST) as world:
        assert await knobs(world) == own
        await world.vendor.desk.turn(train_seconds=77)
        name = world.vendor.house.name
    async with open_world(tmp_path, ports, DEFAULT_MANIFEST) as world:
        assert await knobs(world) == own | {name: 77}
