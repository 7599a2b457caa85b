"""What can go wrong with the service's own memory.

    StoreError
    ├── StoreUnavailable   no answer, or no confirmation: a write is *not known to be stored*, and may be tried again
    │   └── StoreUnwritable   it answers, and nothing can be written to it: a full disk, a read-only file system
    ├── StoreInUse         another server works on this data directory
    └── StoreUnusable      a damaged database, one made by a newer version, or a directory that cannot be written
    CursorExpired          events behind this cursor are no longer kept, or the cursor is not of this store

Messages reach operators and clients: they hold no patient data and no credentials.
"""


class StoreError(Exception):
    """Any failure of the store."""


class StoreUnavailable(StoreError):
    """The store did not answer or did not confirm; after a write, nobody knows whether it is stored.

    Answer 503, or try again: with a key that the caller chose (a UID, a delivery's id) trying again is safe.
    """


class StoreUnwritable(StoreUnavailable):
    """What is stored can be read; nothing can be added to it until its disk takes writes again."""


class StoreInUse(StoreError):
    """Another process has the data directory; two servers on one directory would be a race."""


class StoreUnusable(StoreError):
    """The store cannot be opened, and trying again does not help."""


class CursorExpired(LookupError):
    """Events after this cursor have been removed, or were never in this store: reading on would hide a gap."""
