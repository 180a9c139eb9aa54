"""Files: the three steps of an upload, and the share that comes later or never."""

from collections.abc import Sequence

from bot.sandbox.slack import images
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.journal import Journal
from bot.sandbox.slack.posting import Posting
from bot.sandbox.slack.records import File, PendingShare
from bot.sandbox.slack.settings import Settings
from bot.sandbox.slack.wire import Json, Scenario
from bot.sandbox.slack.workspace import Workspace


class Uploads:
    """Every file on its way in."""

    def __init__(
        self, workspace: Workspace, posting: Posting, faults: Faults, journal: Journal, settings: Settings
    ) -> None:
        self._workspace = workspace
        self._posting = posting
        self._faults = faults
        self._journal = journal
        self._settings = settings
        self._tokens = {key: body["file"] for key, body in workspace.database.load("upload")}

    def resume(self) -> None:
        """Go on with what a stopped process left half-done."""
        for file in self._workspace.files.values():
            if file.completed and not file.ready and not file.never_ready:
                self._make_ready_later(file.id)
        for _, body in self._workspace.database.load("share"):
            self._share_after(self._settings.share_delay, PendingShare.read(body))

    def begin(self, name: str, length: int, alt_txt: str | None) -> tuple[File, str]:
        """Step one: promise a file, and get the token of the address to send it to."""
        workspace = self._workspace
        file = File(
            id=workspace.ids.new("F"),
            name=name,
            title=name,
            user=workspace.identity.bot_user,
            size=length,
            created=int(workspace.clock.now()),
            by_bot=True,
            alt_txt=alt_txt,
            # Seen in real workspaces: an upload with alt_txt is accepted and its share never appears.
            never_shared=alt_txt is not None,
        )
        token = workspace.ids.secret()
        with workspace.database.together():
            workspace.save_file(file)
            workspace.database.save("upload", token, {"file": file.id})
        self._tokens[token] = file.id
        return file, token

    def receive(self, token: str, data: bytes) -> File | None:
        """Step two: take the bytes. None when the address or the length is wrong."""
        file = self._workspace.files.get(self._tokens.get(token, ""))
        if file is None or file.completed or len(data) != file.size:
            return None
        self._keep(file, data)
        return file

    def complete(
        self,
        titles: Sequence[tuple[str, str | None]],
        channels: Sequence[str],
        thread_ts: str | None,
        text: str,
        blocks: Sequence[Json],
    ) -> list[File]:
        """Step three: the files are the bot's now; the message with them follows on its own time."""
        workspace = self._workspace
        files = []
        for file_id, title in titles:
            file = workspace.files.get(file_id)
            if file is None or not file.received or file.completed or not file.by_bot:
                raise ApiError("file_not_found")
            files.append((file, title))
        with workspace.database.together():
            for file, title in files:
                file.completed = True
                file.title = title or file.name
                workspace.save_file(file)
                self._make_ready_later(file.id)
            if channels:
                names = [file.id for file, _ in files]
                self._share_later(
                    PendingShare(
                        workspace.ids.new("Sh"), names, list(channels), thread_ts, text, list(blocks)
                    )
                )
        return [file for file, _ in files]

    def add(
        self,
        user: str,
        name: str,
        data: bytes,
        scenario: Scenario = Scenario.HOSTED,
        *,
        external_url: str | None = None,
        redirect_to: str | None = None,
        in_form: bool = False,
    ) -> File:
        """Take a person's file; it is theirs and complete at once."""
        workspace = self._workspace
        file = File(
            id=workspace.ids.new("F"),
            name=name,
            title=name.rsplit(".", 1)[0],
            user=user,
            size=len(data),
            created=int(workspace.clock.now()),
            scenario=scenario,
            completed=True,
            ready=scenario not in (Scenario.LATE, Scenario.SCANNING),
            in_form=in_form,
            external_id=workspace.ids.new("x") if scenario is Scenario.EXTERNAL else None,
            external_url=external_url,
            redirect_to=redirect_to,
        )
        self._keep(file, data)
        if not file.ready:
            self._make_ready_later(file.id)
        return file

    def delete(self, file: File) -> None:
        """Remove a file everywhere; messages keep a tombstone in its place."""
        file.deleted = True
        self._workspace.save_file(file)
        self._workspace.blob(file).unlink(missing_ok=True)
        self._journal.add("file", state="deleted", file=file.id)
        channels = list(dict.fromkeys(share.channel for share in file.shares))
        self._posting.tell_file_deleted(file.id, channels)

    def _keep(self, file: File, data: bytes) -> None:
        # The bytes lie before the row says so: a process that dies between leaves no file without its bytes.
        self._workspace.blob(file).write_bytes(data)
        file.received = True
        file.mimetype = images.media_type(file.name)
        facts = images.facts(data)
        file.width, file.height = facts.width, facts.height
        file.rotation, file.duration_ms = facts.rotation, facts.duration_ms
        self._workspace.save_file(file)
        self._journal.add(
            "file", state="received", file=file.id, name=file.name, size=file.size, user=file.user
        )

    def _make_ready_later(self, file_id: str) -> None:
        def ready() -> None:
            file = self._workspace.files[file_id]
            if not file.deleted:
                file.ready = True
                self._workspace.save_file(file)
                self._journal.add("file", state="ready", file=file_id)

        fault = self._faults.take("ready")
        if fault and fault.effect == "never":
            self._workspace.files[file_id].never_ready = True
            self._workspace.save_file(self._workspace.files[file_id])
            self._journal.add("file", state="never_ready", file=file_id)
            return
        extra = float(fault.options.get("seconds", 1.0)) if fault else 0.0
        self._workspace.clock.call_later(self._settings.ready_delay + extra, ready)

    def _share_later(self, share: PendingShare) -> None:
        fault = self._faults.take("share")
        if (fault and fault.effect == "never") or any(
            self._workspace.files[f].never_shared for f in share.files
        ):
            self._journal.add("file", state="never_shared", files=share.files)
            return
        delay = self._settings.share_delay + (float(fault.options.get("seconds", 1.0)) if fault else 0.0)
        self._workspace.database.save("share", share.id, share.document())
        self._share_after(delay, share)

    def _share_after(self, delay: float, share: PendingShare) -> None:
        self._workspace.clock.call_later(delay, lambda: self._share(share))

    def _share(self, share: PendingShare) -> None:
        workspace = self._workspace
        with workspace.database.together():
            workspace.database.delete("share", share.id)
            files = [f for f in share.files if not workspace.files[f].deleted]
            for channel_id in share.channels if files else ():
                self._posting.say(
                    workspace.channels[channel_id],
                    workspace.identity.bot_user,
                    share.text,
                    blocks=share.blocks,
                    files=files,
                    thread_ts=share.thread_ts,
                )
