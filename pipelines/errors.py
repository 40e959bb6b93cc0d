"""Every error that a user can meet, in one tree. Nothing that decides *when* to raise belongs here.

RecoupError                 anything this project raises on purpose; str() = what, where, what to do next
├── BadSettings             a variable or the file of budgets is missing or malformed exit 2
├── Unreachable             the API did not answer usefully after all retries         exit 3
├── Refused                 401 or 403: the key or the account is not accepted        exit 4
├── BadPayload              the API answered 200 with something that is not tasks     exit 5
├── WarehouseBusy           another writer holds the lock                             exit 6
├── BadModel                a SQL model or its .yml is wrong (before anything runs)   exit 7
├── ChecksFailed            blocking checks failed; nothing was published             exit 8
├── PublishRefused          the copy did not verify; the previous one stays           exit 9
├── NothingPublished        there is no published file to read yet                    exit 10
├── ReportFailed            the data are published, the report about them is not      exit 11
├── PartialPoll             some accounts did not answer; what the others told is in  exit 12
├── ArchiveDamaged          a file of the archive is not what was written             exit 13
├── MachineFault            the disk or the operating system refused; nothing is lost exit 14
└── LakeFailed              a lake was not read or written; the published file is good exit 15
"""


class RecoupError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class BadSettings(RecoupError):
    """An environment variable, or the file of budgets or names, is missing or malformed."""

    exit_code = 2


class Unreachable(RecoupError):
    """The API did not answer usefully after all retries."""

    exit_code = 3


class Refused(RecoupError):
    """The API answered 401 or 403."""

    exit_code = 4


class BadPayload(RecoupError):
    """The API answered 200 with a body that is not a list of tasks."""

    exit_code = 5


class WarehouseBusy(RecoupError):
    """Another process holds the writer's lock."""

    exit_code = 6


class BadModel(RecoupError):
    """A SQL model or its .yml is wrong; found before anything runs."""

    exit_code = 7


class ChecksFailed(RecoupError):
    """Blocking checks failed; nothing was published."""

    exit_code = 8


class PublishRefused(RecoupError):
    """The copy did not verify; the previously published file stays."""

    exit_code = 9


class NothingPublished(RecoupError):
    """There is no warehouse here, or no published file in it to read yet."""

    exit_code = 10


class ReportFailed(RecoupError):
    """The data are published, but the report about them was not written."""

    exit_code = 11


class PartialPoll(RecoupError):
    """Some accounts did not answer; what the others told is loaded."""

    exit_code = 12


class ArchiveDamaged(RecoupError):
    """A file of the archive is missing, or not what was written."""

    exit_code = 13


class MachineFault(RecoupError):
    """The disk, the memory or the operating system refused; the warehouse is as it was, or as it is after the command."""

    exit_code = 14


class LakeFailed(RecoupError):
    """The lake beside the published file, or that of a shard, was not read or written; the published file is good."""

    exit_code = 15
