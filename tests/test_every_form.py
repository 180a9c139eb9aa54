"""Everything that can be chosen on a vendor's forms: shown again, kept, and what arrives at the vendor."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bot.providers import load
from bot.sandbox.slack import Upload
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from tests.surface import Surface, photo, stage
from tests.test_advanced import opened
from tests.test_four_vendors import SWIFT, pace

CHOSEN = {
    "option.max_epochs": "50",
    "option.batch_size": "4",
    "option.learning_rate": "0.0000001",
    "option.max_token_length": "150",
    "option.clip_skip": "5",
    "option.random_crop": "Yes",
    "option.repeats": "7",
    "option.mixed_precision": "bf16",
    "option.save_precision": "float",
    "option.num_cpu_threads_per_process": "20",
    "option.seed": "2147483647",
    "option.cache_latents": "No",
    "option.cache_latents_to_disk": "No",
    "option.lr_scheduler": "constant_with_warmup",
    "option.lr_warmup_steps": "100",
    "option.optimizer_type": "PagedAdamW8bit",
    "option.resolution": "1024",
    "option.min_bucket_reso": "64",
    "option.max_bucket_reso": "2048",
    "option.text_encoder_lr": "0.0000003",
    "option.unet_lr": "0.00000005",
    "option.network_dropout": "0.99",
    "option.rank_dropout": "0.5",
    "option.module_dropout": "0.25",
    "option.network_dim": "256",
    "option.network_alpha": "256",
    "option.network_args": 'conv_dim="4" 卷积',
    "option.flip_aug": "Yes",
    "option.color_aug": "Yes",
    "option.gradient_accumulation_steps": "64",
    "option.noise_offset": "1",
    "making.negative_prompt": "",
    "making.size": "1024x768",
    "making.steps": "100",
    "making.cfg_scale": "30",
    "making.sampler": "Euler a",
    "making.restore_faces": "Yes",
    "making.weight": "1.5",
    "making.clip_skip": "3",
}
"""Each of Img Open's parameters as it is not by default, as far as they go together."""


def shown(form: Any) -> dict[str, str]:
    """What stands in the fields of a form, by their names."""
    found = {}
    for block in form.blocks:
        if block["type"] == "input":
            element = block["element"]
            option = element.get("initial_option")
            found[block["block_id"]] = option["text"]["text"] if option else element.get("initial_value", "")
    return found


@contextlib.asynccontextmanager
async def img_open(home: Path) -> AsyncIterator[tuple[Surface, ImgOpenControl]]:
    """A bot with this vendor alone, and its desk."""
    async with ImgOpenStandIn.start(home / "vendor") as vendor, ImgOpenControl(vendor.origin) as desk:
        await desk.turn(**SWIFT)
        env = {
            "IMG_OPEN_ACCESS_KEY_ID": "sandbox-key-id",
            "IMG_OPEN_ACCESS_KEY_SECRET": "sandbox-key-secret",
            "IMG_OPEN_ENDPOINT": vendor.origin,
            **pace("IMG_OPEN"),
        }
        (provider,), _ = load(env)
        async with stage(home) as surface, surface.running([provider]):
            yield surface, desk


async def below(surface: Surface, changed: int) -> None:
    """Wait for the form under that of *Advanced…*, drawn anew."""
    words = f"{changed} parameter{'s' if changed > 1 else ''} changed under *Advanced*."
    await surface.people.wait_for_view("ana", lambda view: words in view.words())


async def advanced(surface: Surface) -> Any:
    """Press *Advanced…* on the open form."""
    await surface.people.press_view("ana", "Advanced…")
    return await surface.people.wait_for_view("ana", lambda view: view.title == "Advanced")


async def test_all_that_is_chosen_at_img_open_is_shown_again_and_arrives_there(tmp_path: Path) -> None:
    async with img_open(tmp_path) as (surface, desk):
        await opened(surface, 10)
        kept = await surface.people.submit("ana", CHOSEN)
        assert not kept.errors
        await below(surface, len(CHOSEN))
        again = shown(await advanced(surface))
        assert {name: again[name] for name in CHOSEN} == CHOSEN
        assert not (await surface.people.submit("ana", {})).errors
        await below(surface, len(CHOSEN))
        assert (await surface.submit(count="1")).closed
        await surface.said("is ready after", within=120)
        ordered = next(job for job in await desk.jobs() if job.kind == "training").parameters
        for name, value in CHOSEN.items():
            kind, _, field = name.partition(".")
            if kind == "option":
                first, *rest = field.split("_")
                told = ordered["".join([first, *(part.capitalize() for part in rest)])]
                typed = {True: "Yes", False: "No"}[told] if isinstance(told, bool) else told
                assert float(value) == typed if isinstance(typed, int | float) else typed == value, name
        ((made,),) = surface.query(
            "SELECT json_extract(spec, '$.options') FROM job WHERE kind = 'generation'"
        )
        assert json.loads(made) == {
            "negative_prompt": "",
            "size": "1024x768",
            "steps": 100,
            "cfg_scale": 30,
            "sampler": "Euler a",
            "restore_faces": True,
            "weight": 1.5,
            "clip_skip": 3,
        }
        # The form for more begins with what the last images were made with.
        done = next(m for m in await surface.by_bot("#portraits") if "Another prompt…" in m.buttons())
        await surface.press(done, "Another prompt…")
        stands = shown(await surface.form())
        assert {name: stands[name] for name in CHOSEN if name.startswith("making.")} == {
            name: value for name, value in CHOSEN.items() if name.startswith("making.")
        }
        wish = {"prompt": "by the sea", "count": "1", "making.steps": "99"}
        more = await surface.people.submit("ana", wish)
        assert more.closed

        async def second() -> list[tuple[str, int]] | None:
            found = surface.query(
                "SELECT json_extract(spec, '$.options.size'), json_extract(spec, '$.options.steps')"
                " FROM job WHERE kind = 'generation' AND state = 'succeeded' ORDER BY created_at"
            )
            return found if len(found) == 2 else None

        assert await surface.until(second, within=120) == [("1024x768", 100), ("1024x768", 99)]


async def test_more_steps_than_anybody_waits_for_are_refused_under_their_field(tmp_path: Path) -> None:
    async with img_open(tmp_path) as (surface, desk):
        await opened(surface, 14)
        much = {"option.max_epochs": "50", "option.repeats": "30", "option.batch_size": "1"}
        refused = await surface.people.submit("ana", much)
        assert list(refused.errors) == ["option.repeats"]
        assert "With 14 photos this comes to 21,000 steps" in refused.errors["option.repeats"]
        kept = await surface.people.submit("ana", {"option.max_epochs": "47"})
        assert not kept.errors
        await below(surface, 3)
        # Photos that came meanwhile count as well.
        (tray,) = [m for m in await surface.by_bot("#portraits") if "14 of 14" in m.words()]
        more = [Upload(f"{n}.jpg", photo(n, size=(640, 600))) for n in range(20, 22)]
        await surface.post(more, thread=tray.thread_ts)
        await surface.said("16 of 16", thread=tray.thread_ts)
        late = await surface.submit(count="1")
        assert any("With 16 photos this comes to 22,560 steps" in words for words in late.errors.values())
        assert surface.rows("job") == 0
        assert (await desk.paid()).training == 0


async def test_much_text_in_chinese_is_kept_and_more_than_a_form_remembers_is_refused(
    tmp_path: Path,
) -> None:
    async with img_open(tmp_path) as (surface, _):
        await opened(surface, 10)
        quoted = '"肖像" ' * 80
        values = {"making.negative_prompt": "模糊" * 700, "option.network_args": quoted.strip()}
        assert not (await surface.people.submit("ana", values)).errors
        await below(surface, 2)
        again = shown(await advanced(surface))
        assert {name: again[name] for name in values} == values
        refused = await surface.people.submit("ana", {"making.negative_prompt": "模" * 2000})
        assert "too long together" in str(refused.errors)
