"""What the service has on its shelves: checkpoints, and LoRAs of other people, under well known names."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.sandbox.vendors._state import Json

SD_1, SD_2, SDXL = "SD 1.5", "SD 2.1", "SDXL 1.0"


@dataclass(frozen=True)
class Checkpoint:
    """A base model. `file` is what a generation names; a training leaves the ending out."""

    id: int
    file: str
    name: str
    base: str
    version: str = "v1"

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return self.file.rpartition(".")[0]

    def row(self, picture: str) -> dict[str, Json]:
        """As the list shows it; `picture` is a link to one."""
        return {
            "id": self.id,
            "sdModelCheckpoint": self.file,
            "sdModelName": self.name,
            "modelBaseModel": self.base,
            "modelHash": hashlib.sha256(self.file.encode()).hexdigest()[:10].upper(),
            "modelType": "Checkpoint",
            "modelVersion": self.version,
            "modelStatus": 1,
            "modelUploadStatus": 2,
            "modelImgUrl2": picture,
        }


CHECKPOINTS = (
    Checkpoint(12, "dreamshaper_8.safetensors", "DreamShaper", SD_1, "8"),
    Checkpoint(17, "majicmixRealistic_v7.safetensors", "majicMIX realistic", SD_1, "v7"),
    Checkpoint(21, "sd_xl_base_1.0.safetensors", "SDXL base", SDXL, "1.0"),
    Checkpoint(26, "realisticVisionV60B1_v51VAE.safetensors", "Realistic Vision", SD_1, "v5.1"),
    Checkpoint(33, "v2-1_768-ema-pruned.safetensors", "Stable Diffusion 2.1", SD_2, "2.1"),
    Checkpoint(39, "photon_v1_84728.safetensors", "Photon", SD_1),
    Checkpoint(44, "revAnimated_v122EOL.safetensors", "ReV Animated", SD_1, "v1.2.2"),
    Checkpoint(45, "counterfeitV30_v30.safetensors", "Counterfeit", SD_1, "v3.0"),
    Checkpoint(51, "juggernautXL_v9Rundiffusion.safetensors", "Juggernaut XL", SDXL, "v9"),
    Checkpoint(58, "epicrealism_naturalSinRC1VAE.safetensors", "epiCRealism", SD_1, "RC1"),
    Checkpoint(60, "v1-5-pruned.safetensors", "Stable Diffusion 1.5, pruned", SD_1, "1.5"),
    Checkpoint(61, "v1-5-pruned-emaonly.safetensors", "Stable Diffusion 1.5", SD_1, "1.5"),
    Checkpoint(66, "rpg_v5.safetensors", "RPG", SD_1, "v5"),
)
BY_FILE = {one.file: one for one in CHECKPOINTS}
BY_STEM = {one.stem: one for one in CHECKPOINTS}

STOCK_LORAS = (
    "add_detail",
    "blindbox_v1_mix",
    "epiNoiseoffset_v2",
    "film_grain_v1",
    "flat2",
    "food_photography_v2",
    "fashion_girl_v54",
    "ghibli_style_offset",
    "ink_scenery",
    "lowra_v10",
    "pixel_portrait",
    "shanshui_v1",
)
"""LoRAs that are there for everybody: more than one short page of them, and older than anybody's own."""


def page(rows: Sequence[Callable[[], dict[str, Json]]], size: int, number: int) -> dict[str, Json]:
    """One page of a list, made only as far as it is shown; `number` begins at 1."""
    shown: list[Json] = [row() for row in rows[(number - 1) * size : number * size]]
    return {"rows": shown, "total": len(rows), "pageSize": size, "pageNum": number}
