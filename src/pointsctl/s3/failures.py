"""Says what went wrong between us and an object store, without its XML and without anything that could be a secret."""

from __future__ import annotations

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from pointsctl.errors import (
    AuthenticationFailedError,
    ConnectionLostError,
    PermissionMissingError,
    PointsctlError,
    ServerUnreachableError,
    StorageError,
    TlsRequiredError,
    TookTooLongError,
    UsageError,
)
from pointsctl.model.escape import plain

_AGAIN = "then run it again"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "InvalidToken"}
_REJECTED = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "NotSignedUp",
    "InvalidSecurity",
}
_DENIED = {
    "AccessDenied",
    "403",
    "Forbidden",
    "AllAccessDisabled",
    "AccountProblem",
    "MethodNotAllowed",
    "KMS.DisabledException",
}
_SKEWED = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_BUSY = {
    "SlowDown",
    "ServiceUnavailable",
    "503",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "RequestThrottled",
}
_DAMAGED = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "XAmzContentChecksumMismatch"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507", "EntityTooLarge"}
_ELSEWHERE = {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
CONFLICT = {"ConditionalRequestConflict", "409", "OperationAborted"}
MISSING = {"NoSuchKey", "404", "NoSuchVersion"}
TAKEN = {"PreconditionFailed", "412"}
UNKNOWN_QUESTION = {"NotImplemented", "501", "MethodNotAllowed", "405", "UnsupportedOperation", "XNotImplemented"}

_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
    boto.LoginError,
    boto.ProfileNotFound,
    boto.ConfigParseError,
    boto.MetadataRetrievalError,
)
_UNREACHABLE = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)


def code_of(error: ClientError) -> str:
    """The service's own name for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status that came with it; 0 when there was none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def failure(error: BotoCoreError | ClientError | OSError, what: str, store: str) -> PointsctlError:
    """The error for `what` ("cannot put 'a/b' into"), which `store` did not do."""
    if isinstance(error, ClientError):
        return _answered(code_of(error), status_of(error), what, store)
    if isinstance(error, BotoCoreError):
        return _unanswered(error, what, store)
    reason = (error.strerror or type(error).__name__).lower()
    return StorageError(f"{what} {store}: {reason} (on this machine)", hint="see the file, and that the disk has room")


def _answered(code: str, status: int, what: str, store: str) -> PointsctlError:
    name = plain(code, 60) or f"HTTP {status}"
    for codes, kind, reason, hint in _ANSWERS:
        if code in codes:
            return kind(f"{what} {store}: {reason} ({name})", hint=hint)
    if status >= 500:
        hint = f"see the store's own status; {_AGAIN}"
        return StorageError(f"{what} {store}: the store failed again and again ({name})", hint=hint)
    return StorageError(f"{what} {store}: the store refused ({name})", hint="see what the store's manual says about it")


_ANSWERS: tuple[tuple[set[str], type[PointsctlError], str, str], ...] = (
    (_EXPIRED, AuthenticationFailedError, "the credentials have expired", f"renew them, {_AGAIN}"),
    (_REJECTED, AuthenticationFailedError, "the credentials are not accepted", "see AWS_PROFILE, AWS_ACCESS_KEY_ID and the like"),
    (_DENIED, PermissionMissingError, "the credentials may not do that", "let them, or use others; see the bucket's policy"),
    (_SKEWED, AuthenticationFailedError, "this machine's clock is too far from the store's", f"set the clock, {_AGAIN}"),
    (_BUSY, StorageError, "the store asked to slow down, again and again", f"wait a little, {_AGAIN}"),
    (_DAMAGED, StorageError, "the bytes that arrived are not those that were sent", f"see the network and the disk; {_AGAIN}"),
    (_FULL, StorageError, "the store has no room for it", f"make room, {_AGAIN}"),
    (_ELSEWHERE, StorageError, "the bucket is in another region", "name it: `region=...` in the store's address"),
    ({"NoSuchBucket"}, StorageError, "there is no such bucket", "see the name in `backup.store`, and the credentials' account"),
    ({"NoSuchUpload"}, StorageError, "the unfinished upload is gone", f"somebody or a lifecycle rule removed it; {_AGAIN}"),
    (TAKEN, StorageError, "somebody replaced the object meanwhile", "find out who; what is stored is never replaced by pointsctl"),
    (UNKNOWN_QUESTION, StorageError, "the store does not know how to do that", "use a store that does"),
)  # fmt: skip


def _unanswered(error: BotoCoreError, what: str, store: str) -> PointsctlError:
    if isinstance(error, _NO_CREDENTIALS):
        hint = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in"
        return AuthenticationFailedError(f"{what} {store}: boto3 finds no usable credentials", hint=hint)
    if isinstance(error, boto.NoRegionError | boto.InvalidRegionError | boto.EndpointProviderError):
        return UsageError(
            f"{what} {store}: boto3 knows no endpoint for it", hint="see `region` and `endpoint` of the store"
        )
    if isinstance(error, boto.SSLError):
        hint = "see its certificate, and AWS_CA_BUNDLE"
        return TlsRequiredError(f"{what} {store}: no encrypted connection could be agreed on", hint=hint)
    if isinstance(error, _UNREACHABLE):
        hint = "see the endpoint, and whether it runs"
        return ServerUnreachableError(f"{what} {store}: no connection", hint=hint)
    if isinstance(error, boto.ReadTimeoutError):
        hint = f"see the network and the store's status; {_AGAIN}"
        return TookTooLongError(f"{what} {store}: no answer within the time limit", hint=hint)
    if isinstance(error, boto.HTTPClientError | boto.IncompleteReadError):
        hint = f"see the network and the store's log; {_AGAIN}"
        return ConnectionLostError(f"{what} {store}: the connection broke, again and again", hint=hint)
    return StorageError(f"{what} {store}: {type(error).__name__}", hint="see the settings of boto3 (~/.aws/config)")
