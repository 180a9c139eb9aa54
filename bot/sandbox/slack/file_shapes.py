"""How files look in answers and events, and what stands in the place of those one may not have."""

from urllib.parse import quote

from bot.sandbox.slack import images
from bot.sandbox.slack.records import File, Kind
from bot.sandbox.slack.wire import Json, Scenario
from bot.sandbox.slack.workspace import Workspace

PDF_THUMBNAIL = (909, 1286)
# Slack gives no width and height for this one.
UNMEASURED = 160

# What stands under a message for a file of another workspace, and what files.info then says of it.
CONNECT = {
    Scenario.CHECK_FILE_INFO: "visible",
    Scenario.CHECK_FILE_INFO_DENIED: "access_denied",
    Scenario.CHECK_FILE_INFO_GONE: "file_not_found",
}
MODES = {Scenario.EXTERNAL: "external", Scenario.SNIPPET: "snippet", Scenario.POST: "post"}
# Slack's own tiny preview; this one is the same grey spot for every picture.
TINY = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R"
    "V19iZ2hnPk1xeXBkeFxlZ2P/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAA"
    "AAD/2gAIAQEAAD8AP//Z"
)


def file_object(workspace: Workspace, file: File, *, in_message: bool = False) -> Json:
    """Render a file, or what stands in its place under a message."""
    if file.deleted or file.scenario is Scenario.TOMBSTONE:
        return {"id": file.id, "mode": "tombstone"}
    if file.scenario is Scenario.HIDDEN_BY_LIMIT:
        return {"id": file.id, "mode": "hidden_by_limit", "created": file.created, "user": file.user}
    access = CONNECT.get(file.scenario, "visible")
    if file.scenario in CONNECT and in_message:
        return _stub(file, "check_file_info")
    if access != "visible":
        return _stub(file, access)
    shape = _common(workspace, file)
    if file.scenario is Scenario.EXTERNAL:
        link = file.external_url or elsewhere_url(workspace, file)
        return shape | {
            "is_external": True,
            "external_type": "gdrive",
            "external_id": file.external_id or "",
            "external_url": link,
            "url_private": link,
        }
    if file.scenario is not Scenario.SCANNING or file.ready:
        base = f"{workspace.origin}/files-pri/{workspace.identity.team}-{file.id}"
        shape |= {
            "url_private": f"{base}/{quote(file.name)}",
            "url_private_download": f"{base}/download/{quote(file.name)}",
        }
    return shape | (_rendered(workspace, file) if file.ready else {})


def _common(workspace: Workspace, file: File) -> Json:
    kind = images.file_type(file.name)
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype if file.ready else "",
        "filetype": kind if file.ready else "",
        "pretty_type": images.PRETTY.get(kind, kind.upper()) if file.ready else "",
        "user": file.user,
        "user_team": workspace.identity.team,
        "editable": file.scenario in (Scenario.SNIPPET, Scenario.POST),
        "size": file.size,
        "mode": MODES.get(file.scenario, "hosted"),
        "is_external": False,
        "external_type": "",
        "is_public": any(workspace.channels[s.channel].kind is Kind.PUBLIC for s in file.shares),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "media_display_type": "video" if file.mimetype.startswith("video/") else "unknown",
        "has_rich_preview": False,
        "file_access": "visible",
        "permalink": f"{workspace.origin}/files/{file.user}/{file.id}/{quote(file.name)}",
        "permalink_public": f"{workspace.origin}/public/{workspace.identity.team}-{file.id}",
    }


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


def _rendered(workspace: Workspace, file: File) -> Json:
    """What Slack has made of a file once it has looked at it: thumbnails, and a video's still."""
    base = f"{workspace.origin}/files-tmb/{workspace.identity.team}-{file.id}"
    stem = quote(file.name.rsplit(".", 1)[0])
    if file.scenario in (Scenario.SNIPPET, Scenario.POST):
        return {"edit_link": f"{workspace.origin}/files/{file.user}/{file.id}/{quote(file.name)}/edit"}
    if file.mimetype == "application/pdf":
        width, height = PDF_THUMBNAIL
        return {"thumb_pdf": f"{base}/{stem}_thumb_pdf.png", "thumb_pdf_w": width, "thumb_pdf_h": height}
    if file.width is None or file.height is None:
        return {}
    if file.mimetype.startswith("video/"):
        shape: Json = {
            "mp4": f"{base}/{stem}.mp4",
            "thumb_video": f"{base}/{stem}_thumb_video.jpeg",
            "thumb_video_w": file.width,
            "thumb_video_h": file.height,
            "transcription": {"status": "none"},
        }
        return shape | ({"duration_ms": file.duration_ms} if file.duration_ms is not None else {})
    return _thumbnails(file, f"{base}/{stem}", file.width, file.height)


def _thumbnails(file: File, address: str, width: int, height: int) -> Json:
    shape: Json = {
        "original_w": width,
        "original_h": height,
        "image_exif_rotation": file.rotation,
        "thumb_tiny": TINY,
    }
    # Thumbnails stand upright; the original's size is the one before it is turned.
    if file.rotation >= images.LYING:
        width, height = height, width
    ending = "png" if file.mimetype in ("image/png", "image/gif") else "jpg"
    for edge in images.THUMBNAILS:
        if edge in images.ALWAYS_RENDERED:
            shape[f"thumb_{edge}"] = f"{address}_{edge}.{ending}"
        elif edge <= max(width, height) or edge == 360:
            shape[f"thumb_{edge}"] = f"{address}_{edge}.{ending}"
            if edge != UNMEASURED:
                wide, high = images.fit(width, height, edge)
                shape |= {f"thumb_{edge}_w": wide, f"thumb_{edge}_h": high}
    return shape


def file_details(workspace: Workspace, file: File) -> Json:
    """Render a file as ``files.info`` does: with where it was shared."""
    shape = file_object(workspace, file)
    if "file_access" not in shape or shape["mode"] == "file_access":
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
        "has_more_shares": False,
        "is_starred": False,
    }
