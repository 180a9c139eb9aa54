"""Identifiers that look like Slack's: opaque, or counted where a test wants to know them beforehand."""

import secrets
import string
from abc import ABC, abstractmethod

ALPHABET = string.digits + string.ascii_uppercase
LENGTH = 10


class Ids(ABC):
    """A source of identifiers nobody has had before."""

    @abstractmethod
    def new(self, prefix: str) -> str:
        """Make an object's id, such as ``F0A1B2C3D4E``."""

    @abstractmethod
    def secret(self) -> str:
        """Make an unguessable part for a link, a ticket or a token."""


class RandomIds(Ids):
    """Identifiers nobody can foresee."""

    def new(self, prefix: str) -> str:
        """Make an object's id from random letters."""
        return prefix + "0" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))

    def secret(self) -> str:
        """Make an unguessable part."""
        return secrets.token_urlsafe(24)


class CountedIds(Ids):
    """Identifiers in order, the same in every run."""

    def __init__(self, start: int = 0) -> None:
        self._last = start

    def new(self, prefix: str) -> str:
        """Make the next object's id."""
        self._last += 1
        number, digits = self._last, ""
        while number:
            number, digit = divmod(number, len(ALPHABET))
            digits = ALPHABET[digit] + digits
        return prefix + digits.rjust(LENGTH, "0")

    def secret(self) -> str:
        """Make the next part; only its name is a secret here."""
        return self.new("S")
