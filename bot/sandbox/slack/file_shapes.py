"""How files look in answers and events, and what stands in the place of those one may not have."""

from urllib.parse import quote

from bot.sandbox.slack import images
from bot.sandbox.slack.records import File, Kind
from bot.sandbox.slack.wire import Json, Scenario
from bot.sandbox.slack.workspace import Workspace


def file_object(workspace: Workspace, file: File, *, in_message: bool = False) -> Json:
    """Render a file, or what stands in its place under a message."""
    if file.deleted or file.scenario is Scenario.TOMBSTONE:
        return {"id": file.id, "mode": "tombstone"}
    if file.scenario is Scenario.HIDDEN_BY_LIMIT:
        return {"id": file.id, "mode": "hidden_by_limit", "created": file.created, "user": file.user}
    connect = file.scenario in (Scenario.CHECK_FILE_INFO, Scenario.CHECK_FILE_INFO_DENIED)
    if connect and in_message:
        return _stub(file, "check_file_info")
    if file.scenario is Scenario.CHECK_FILE_INFO_DENIED:
        return _stub(file, "access_denied")
    shape: Json = {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype if file.ready else "",
        "filetype": images.file_type(file.name) if file.ready else "",
        "pretty_type": _pretty_type(file) if file.ready else "",
        "user": file.user,
        "user_team": workspace.identity.team,
        "editable": False,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": any(workspace.channels[s.channel].kind is Kind.PUBLIC for s in file.shares),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "media_display_type": "unknown",
        "has_rich_preview": False,
        "file_access": "visible",
        "permalink": f"{workspace.origin}/files/{file.user}/{file.id}/{quote(file.name)}",
        "permalink_public": f"{workspace.origin}/public/{workspace.identity.team}-{file.id}",
    }
    if file.scenario is Scenario.EXTERNAL:
        link = file.external_url or elsewhere_url(workspace, file)
        shape |= {"mode": "external", "is_external": True, "external_type": "gdrive"}
        return shape | {"external_url": link, "url_private": link}
    base = f"{workspace.origin}/files-pri/{workspace.identity.team}-{file.id}"
    shape |= {
        "url_private": f"{base}/{quote(file.name)}",
        "url_private_download": f"{base}/download/{quote(file.name)}",
    }
    return shape | (_thumbnails(workspace, file) if file.ready else {})


def elsewhere_url(workspace: Workspace, file: File) -> str:
    """Give a file's address on another host, which is this process under another name."""
    origin = workspace.origin.replace("127.0.0.1", "localhost")
    return f"{origin}/elsewhere/{workspace.identity.team}-{file.id}/{quote(file.name)}"


def _stub(file: File, access: str) -> Json:
    return {
        "id": file.id,
        "created": 0,
        "timestamp": 0,
        "mode": "file_access",
        "file_access": access,
        "user": file.user,
    }


def _pretty_type(file: File) -> str:
    return images.PRETTY.get(images.file_type(file.name), images.file_type(file.name).upper())


def _thumbnails(workspace: Workspace, file: File) -> Json:
    if file.width is None or file.height is None:
        return {}
    base = f"{workspace.origin}/files-tmb/{workspace.identity.team}-{file.id}"
    stem = quote(file.name.rsplit(".", 1)[0])
    shape: Json = {"original_w": file.width, "original_h": file.height, "image_exif_rotation": 1}
    for edge in images.THUMBNAILS:
        if edge in images.ALWAYS_RENDERED:
            shape[f"thumb_{edge}"] = f"{base}/{stem}_{edge}.png"
        elif edge <= max(file.width, file.height) or edge == 360:
            shape[f"thumb_{edge}"] = f"{base}/{stem}_{edge}.png"
            width, height = images.fit(file.width, file.height, edge)
            shape |= {f"thumb_{edge}_w": width, f"thumb_{edge}_h": height}
    return shape


def file_details(workspace: Workspace, file: File) -> Json:
    """Render a file as ``files.info`` does: with where it was shared."""
    shape = file_object(workspace, file)
    if shape["mode"] not in ("hosted", "external"):
        return shape
    shares: dict[str, dict[str, list[Json]]] = {}
    for share in file.shares:
        channel = workspace.channels[share.channel]
        if not workspace.is_bot_in(channel):
            continue
        where: Json = {"ts": share.ts, "channel_name": channel.name, "team_id": workspace.identity.team}
        if share.thread_ts:
            where["thread_ts"] = share.thread_ts
        group = "public" if channel.kind is Kind.PUBLIC else "private"
        shares.setdefault(group, {}).setdefault(channel.id, []).append(where)
    seen = {s.channel: workspace.channels[s.channel].kind for s in file.shares}
    return shape | {
        "shares": shares,
        "channels": [c for c, kind in seen.items() if kind is Kind.PUBLIC],
        "groups": [c for c, kind in seen.items() if kind in (Kind.PRIVATE, Kind.MPIM)],
        "ims": [c for c, kind in seen.items() if kind is Kind.IM],
        "comments_count": 0,
    }
