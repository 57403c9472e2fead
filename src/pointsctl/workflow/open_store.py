"""Use case: the store that a URL means, by its scheme."""

from __future__ import annotations

from urllib.parse import urlsplit

from pointsctl import kinds
from pointsctl.backup_stores.interface import Store
from pointsctl.errors import UsageError
from pointsctl.model.escape import plain


def open_store(url: str) -> Store:
    """Open the store of `backup.store`. Raises UsageError for a URL without a kind of store behind it."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    known = kinds.names("backup_stores")
    if scheme not in known:
        found = f"a store of the kind {plain(scheme, 40)!r}" if scheme else "a store that is no URL"
        message = f"`backup.store` names {found}; this version has {', '.join(known)}"
        raise UsageError(message, hint="write file:///folder or s3://bucket/folder")
    store: Store = kinds.load("backup_stores", scheme).open(url)
    return store
