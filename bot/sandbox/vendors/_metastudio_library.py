"""MetaStudio's asset library: trained avatars, rendered films, and the vendor's own voices."""

import base64
import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sandbox.vendors._metastudio_answers import Done, invalid, no_such_asset, when
from bot.sandbox.vendors._metastudio_parts import Call, Operation, Operations, Parts
from bot.sandbox.vendors._metastudio_queries import AssetPage, AssetRemoval
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._state import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS assets (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL,
  source TEXT NOT NULL, state TEXT NOT NULL, meta TEXT NOT NULL, files TEXT NOT NULL, tags TEXT NOT NULL,
  services TEXT NOT NULL, app_user_id TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL);
"""
AVATAR, FILM, VOICE = "HUMAN_MODEL_2D", "VIDEO", "VOICE_MODEL"
PHOTO_MODEL = "HUMAN_MODEL_3D"
"""The pages call a photo's model an asset and name no type for it."""
_VOICES = (
    ("f5e6a13eab4443fa85421191ad061780", "Xiaoyan", "FEMALE", "CN"),
    ("0a7c5bb1d3f94e1c8a52d0f6b1c94e27", "Xiaofeng", "MALE", "CN"),
    ("b91c2d6e4f0a4a55b3c7e8d91f2a6c30", "Emma", "FEMALE", "EN"),
)
"""The first is the voice of the vendor's example; the others are invented."""
_USED_NAMES = {"CREATING", "UNACTIVED", "ACTIVED", "DELETING", "BLOCK"}


@dataclass(frozen=True)
class File:
    """A file of an asset; one without a key can not be downloaded."""

    id: str
    name: str
    category: str
    size: int
    md5: str
    key: str | None


@dataclass(frozen=True)
class Asset:
    """One asset."""

    seq: int
    id: str
    name: str
    type: str
    source: str
    state: str
    meta: dict[str, Any]
    files: list[File]
    tags: list[str]
    services: list[str]
    app_user_id: str | None
    created_at: float
    updated_at: float


class Library:
    """The table of assets, and the vendor's three operations on it."""

    def __init__(self, parts: Parts, db: sqlite3.Connection, store: Store) -> None:
        self._parts = parts
        self._db = db
        self._store = store
        db.executescript(_SCHEMA)
        for voice_id, name, sex, language in _VOICES:
            if self.get(voice_id) is None:
                meta: dict[str, Json] = {
                    "voice_model_meta": {"model_type": "COMMON", "sex": sex, "language": language}
                }
                self.add(name, VOICE, asset_id=voice_id, source="SYSTEM", state="ACTIVED", meta=meta)
        self.operations: Operations = {
            "ShowAsset": Operation("GET", "/digital-assets/{asset_id}", self._show, "asset_read"),
            "ListAssets": Operation("GET", "/digital-assets", self._list, "asset_read"),
            "DeleteAsset": Operation("DELETE", "/digital-assets/{asset_id}", self._delete, "asset_write"),
        }

    def add(
        self,
        name: str,
        type_: str,
        *,
        state: str,
        asset_id: str | None = None,
        source: str = "CUSTOMIZATION",
        meta: Mapping[str, Json] | None = None,
        services: Sequence[str] = (),
        tags: Sequence[str] = (),
        app_user_id: str | None = None,
    ) -> str:
        """Take an asset in; answers its id."""
        now = self._parts.clock()
        asset_id = asset_id or uuid.uuid4().hex
        self._db.execute(
            "INSERT INTO assets (id, name, type, source, state, meta, files, tags, services, app_user_id,"
            " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, '[]', ?, ?, ?, ?, ?)",
            (
                asset_id,
                name,
                type_,
                source,
                state,
                json.dumps(dict(meta or {})),
                json.dumps(list(tags)),
                json.dumps(list(services)),
                app_user_id,
                now,
                now,
            ),
        )
        return asset_id

    def get(self, asset_id: str) -> Asset | None:
        """One asset."""
        row = self._db.execute("SELECT * FROM assets WHERE id = ?", (asset_id,)).fetchone()
        return None if row is None else _asset(row)

    def usable(self, asset_id: str) -> Asset:
        """An asset that can be worked with.

        Raises:
            Refused: there is none, or it is frozen, unfinished or in the bin.
        """
        asset = self.get(asset_id)
        if asset is None or asset.state != "ACTIVED":
            raise no_such_asset()
        return asset

    def has_name(self, name: str) -> bool:
        """Whether a customer's asset is called so. Names of what failed are free again."""
        rows = self._db.execute("SELECT state FROM assets WHERE name = ? AND source <> 'SYSTEM'", (name,))
        return any(row["state"] in _USED_NAMES for row in rows)

    def finish(self, asset_id: str, state: str, files: Sequence[File] = ()) -> None:
        """The asset has come to be what it is."""
        listed = json.dumps([file.__dict__ for file in files])
        self._db.execute(
            "UPDATE assets SET state = ?, files = ?, updated_at = ? WHERE id = ?",
            (state, listed, self._parts.clock(), asset_id),
        )

    def file(self, asset_id: str, name: str, category: str, *, kept: bool = True) -> File:
        """A file that lies in the store under the asset's id; one that is not `kept` is only listed."""
        key = f"{asset_id}/{name}"
        data = self._store.path(key).read_bytes() if kept else b"\x00"
        md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        return File(uuid.uuid4().hex, name, category, len(data), md5, key if kept else None)

    async def _show(self, call: Call) -> Done:
        asset = self.get(call.path["asset_id"])
        if asset is None:
            raise no_such_asset()
        return Done(self._shown(asset), subject=asset.id)

    async def _list(self, call: Call) -> Done:
        page = call.asked(AssetPage)
        rows = [_asset(row) for row in self._db.execute("SELECT * FROM assets ORDER BY seq")]
        wanted = [
            asset
            for asset in rows
            if page.asset_source in {"ALL", asset.source}
            and _among(asset.type, page.asset_type)
            and _among(asset.state, page.asset_state)
            and (page.name or "") in asset.name
            and (page.tag is None or any(page.tag in tag for tag in asset.tags))
        ]
        found = paged(wanted, page.sort_key, page.sort_dir, page.offset, page.limit)
        return Done({"count": len(wanted), "assets": [self._shown(asset) for asset in found]})

    async def _delete(self, call: Call) -> Done:
        asset = self.get(call.path["asset_id"])
        if asset is None:
            raise no_such_asset()
        if asset.source == "SYSTEM":
            raise invalid("asset_id")
        if call.asked(AssetRemoval).mode == "force":
            self._db.execute("DELETE FROM assets WHERE id = ?", (asset.id,))
            self._store.drop_all(asset.id)
        else:
            self.finish(asset.id, "DELETING", asset.files)
        return Done(subject=asset.id)

    def _shown(self, asset: Asset) -> dict[str, Json]:
        required: dict[str, Json] = {
            "asset_id": asset.id,
            "asset_name": asset.name,
            "asset_type": asset.type,
            "asset_state": asset.state,
            "files": [self._file_shown(file) for file in asset.files],
        }
        if self._parts.settings.sparse:
            return required
        return required | {
            "project_id": self._parts.account.project_id,
            "app_user_id": asset.app_user_id or "",
            "create_time": when(asset.created_at),
            "update_time": when(asset.updated_at),
            "tags": list(asset.tags),
            "asset_extra_meta": dict(asset.meta),
            "supported_service": list(asset.services),
            "asset_order": asset.seq,
        }

    def _file_shown(self, file: File) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "file_id": file.id,
            "file_name": file.name,
            "file_type": file.name.rpartition(".")[2],
            "file_size": file.size,
            "file_md5": file.md5,
            "asset_file_category": file.category,
            "state": "CREATED",
        }
        if file.key is not None:
            shown["download_url"] = self._store.download_url(file.key)
        return shown


def paged(rows: Sequence[Any], key: str, direction: str, offset: int, limit: int) -> Sequence[Any]:
    """A stretch of a list, by one of the vendor's three keys; upwards unless told otherwise."""
    order: Callable[[Any], Any] = {
        "create_time": lambda row: (row.created_at, row.seq),
        "update_time": lambda row: (row.updated_at, row.seq),
        "asset_order": lambda row: row.seq,
    }[key]
    return sorted(rows, key=order, reverse=direction == "desc")[offset : offset + limit]


def _among(value: str, wanted: str | None) -> bool:
    return wanted is None or value in wanted.split(",")


def _asset(row: sqlite3.Row) -> Asset:
    values = dict(row)
    for name in ("meta", "tags", "services"):
        values[name] = json.loads(values[name])
    return Asset(**{**values, "files": [File(**file) for file in json.loads(values["files"])]})
