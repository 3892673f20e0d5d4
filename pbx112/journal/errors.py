"""What can be wrong with a journal, in an administrator's words."""


class JournalError(Exception):
    """The journal cannot be opened or used; the message names the file and the remedy."""


class JournalLocked(JournalError):
    """Another process writes this journal."""


class JournalDamaged(JournalError):
    """The file is no sound database any more."""
