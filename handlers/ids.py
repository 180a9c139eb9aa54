"""Names of buttons, modals and fields. Stored in messages that people may press for ever: never rename."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """Buttons."""

    TRAIN = "train"
    GO_ON = "go_on"
    USE_WELL = "use_well"
    REPLACE = "replace"
    DISCARD = "discard"
    CANCEL = "cancel"
    RETRY = "retry"
    DETAILS = "details"
    NEW = "new"
    STATUS = "status"
    OPEN = "open"
    ADVANCED = "advanced"
    MORE = "more"
    PROMPT = "prompt"
    UPLOAD = "upload_again"
    INVITED = "invited"
    HUSH_HERE = "hush_here"
    HUSH_ME = "hush_me"
    DELETE = "delete"
    PAPER = "paper"
    ARE_PHOTOS = "are_photos"
    ERASE_UNSORTED = "erase_unsorted"
    SEND_PAPERS = "send_papers"
    ERASE_PAPERS = "erase_papers"


class Shortcut(StrEnum):
    """What stands in the menu of a message."""

    TRAIN = "train_from_message"


class Modal(StrEnum):
    """Views."""

    TRAIN = "train_modal"
    NEW = "new_modal"
    DETAILS = "details_modal"
    LOADING = "loading_modal"
    ADVANCED = "advanced_modal"
    MORE = "more_modal"
    UPLOAD = "upload_modal"
    DELETE = "delete_modal"
    REPLACE = "replace_modal"


class Field(StrEnum):
    """Inputs of the training modals: the block's id; the element's is `value`."""

    NAME = "name"
    SUBJECT = "subject"
    PROVIDER = "provider"
    PROMPT = "prompt"
    COUNT = "count"
    WHERE = "where"
    CONSENT = "consent"
    PHOTOS = "photos"
    PICK = "pick"
    INSTEAD_OF = "instead_of"


MAKING, OPTION, FILE = "making", "option", "file"
"""How the names of a vendor's own inputs begin: of what is made, of the job itself, and files by role."""
VALUE = "value"
HERE = "here"
ALONE = "alone"
"""The two answers to where the images go."""
AGREED = "agreed"
NOTICE_EVENT = "darkroom_notice"
"""`event_type` of our messages' metadata, by which we find them again."""
