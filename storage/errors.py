"""What the store refuses."""

from __future__ import annotations


class StorageError(Exception):
    """The store could not do what it was asked."""


class NotFound(StorageError):
    """No such row."""


class StaleState(StorageError):
    """Somebody else holds this row now; drop what you hold."""


class IllegalMove(StorageError):
    """The job machine has no such arrow."""


class StoreFull(StorageError):
    """The disk has no room; nothing was stored."""


class TooMuch(StorageError, ValueError):
    """A stream has more bytes than it may; nothing was stored."""


class NewerDatabase(StorageError):
    """The database was written by a newer version than this one."""


class AlreadyRunning(StorageError):
    """Another process works on this data directory."""
