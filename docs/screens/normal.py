"""Takes out of the program's output what differs from run to run, so that a second run gives the same text.

The rules: sizes, and what a backup took, become fixed ones; durations of items go, and summaries are cut at one column, because the program cuts them where a duration begins;
server identifiers, oids, ports, round trips, times, codes and made-up ids become fixed ones of the same length; digests,
fingerprints, run ids and the times of records do in `stand_ins`, which knows the whole story.
"""

from __future__ import annotations

import re
import textwrap

from screens.stand_ins import StandIns

_SUMMARY_ENDS = 71
_ITEM = re.compile(r"(?m)^(  . (?:pass|fail|error|pending|skip|waived) .*?\S)(?: {2,}[0-9.]+ (?:ms|s|min))?$")
_ID = re.compile(r"\b(?!00000000-)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{11,12}\b")
_FOLDED = re.compile(r"(?m)^( {6})[0-9a-f](?=$| {20})")
# Before a summary is cut, since their lengths decide where.
_SIZES = (
    (re.compile(r"\b\d{3} kB\b(?!/s)"), "960 kB"),
    (re.compile(r"\b\d\d\.\d MB\b(?!/s)"), "13.9 MB"),
    (re.compile(r"(?<![\d.])\d\.\d MB\b(?!/s)"), "2.1 MB"),
    (re.compile(r"\b(?:less than a minute|\d{1,2}m) old\b"), "less than a minute old"),
    (re.compile(r"(?<=restored in )[0-9.]+s\b|(?<=[0-9a-z]{6} in )[0-9.]+s(?=:)"), "0.4s"),
    (re.compile(r"(?<=-[0-9a-z]{6} in )[0-9.]+s(?=,)"), "3.4s"),
    (re.compile(r"\bprocess\s+\d+(?=\s+\(pointsctl\s)"), "process 12345"),
    (re.compile(r"(?<=\(pointsctl deploy ada@)[\w.-]*(?=\s|\))"), "host"),
    (re.compile(r"(?<=snapshot: ).* at .*"), "00000003-00000015-1 at 0/2F20F08"),
    (re.compile(r"\b\d{4}(?=\.dat\b)"), "2824"),
    (re.compile(r"(?<=compression )(?:gzip|zstd|lz4)(?::\d+)?"), "gzip:1"),
    (re.compile(r"(?<=, pg_dump )\d+\.\d+"), "18.6"),
)
_TOOK = r"[0-9.]+ (?:ms|s|min(?: [0-9]+ s)?)"
_VERDICT = re.compile(rf"(?ms)^restored in {_TOOK}(: .*?)(?=^compared: )")
_STAGES = re.compile(rf"(?m)^stage +time +amount +rate *\n(?:[a-z]+ +{_TOOK}\b.*\n?)+")
_STAGE = re.compile(rf"(?m)^([a-z]+) +{_TOOK}(?: +([0-9.,]+(?: kB| MB)?)\b.*)?$")
# Somebody looks now and then how far they are, which may come too late.
_WATCHED = ("dump", "restore")
_WIDTH = 80
_REHEARSED = re.compile(r"(?ms)^rehearsed: .*?(?=^stage )")
# A line that neither begins one of the report's sentences nor is the beginning of an item belongs to the one before it.
_BROKEN = re.compile(
    r"\n(?! {2}\S|\d{14}_|(?:what|undone|audits|clients|times|recorded|whether|not|removed)\b) *(?=\S)"
)
_EVIDENCE = re.compile(r"(?m)^rehearsal  \d.*(?:\n {11}\S.*)* ago$")
_DEPLOYED = re.compile(r"(?ms)^ 1\. gate: .*?(?=^(?:deployed to|nothing was changed))")
_BROKEN_STEP = re.compile(r"\n +(?!\d+\. )(?=\S)")
_NUMBERED = re.compile(r" ?\d+\. ")
_TIMES = re.compile(r"\b\d[\d.,]* (?:ms|s)\b")
# A column of times is as wide as the longest of them; the rows of a table are not folded.
_COLUMN = re.compile(r"\b(4 ms|time) {2,}")
_ROW = re.compile(r"\S {2,}\S.* {2,}\S")
_AMOUNTS = re.compile(r"\blog [\d.]+ (?:B|kB|MB)")
_DIGESTS = re.compile(r"\bdigest\s+-?\d+")
_RULES = (
    (re.compile(r"(?m)^(\d+ pass, .*) in [0-9.]+ (?:ms|s|min)$"), r"\1"),
    (re.compile(r"\b\d+\.\d (?=ms a\s)"), "0.1 "),
    (re.compile(r": \d+\.\d s$", re.MULTILINE), ": 0.2 s"),
    (re.compile(r"(?<=, in )(?:3d|2d23h)(?:\d+m)?$", re.MULTILINE), "2d23h"),
    (re.compile(r"\b(?:less than a minute|\d{1,2}[ms]) ago"), "less than a minute ago"),
    (re.compile(r"(?<=/tmp/pointsctl-)[a-z0-9_]{8}"), "the-docs"),
    (re.compile(r"\b[1-9]\d{18}\b"), "7000000000000000001"),
    (re.compile(r"(?<=oid )\d{5}\b|(?<=\()\d{5}(?=\)$)", re.MULTILINE), "16400"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}"), "54321"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"), "2030-01-31T08:00:00.000000+00:00"),
    (re.compile(r'(?<="code":")[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}'), "1A2B-3C4D-5E6F-7G8H"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "0" * 31 + "1"),
)


def normal(output: str, stand_ins: StandIns | None = None) -> str:
    """The same text for every run; see the rules above. Blanks at line ends go too."""
    text = "\n".join(line.rstrip() for line in output.rstrip().splitlines())
    text = stand_ins.put(text) if stand_ins else text
    for pattern, replacement in _SIZES:
        text = pattern.sub(replacement, text)
    text = _VERDICT.sub(lambda found: textwrap.fill(f"restored in 0.4 s{found[1]}", _WIDTH) + "\n", text)
    text = _EVIDENCE.sub(lambda found: _evidence(found[0]), text)
    text = _DEPLOYED.sub(lambda found: folded(_BROKEN_STEP.sub(" ", found[0].rstrip())) + "\n", text)
    text = _REHEARSED.sub(lambda found: _rehearsed(found[0]) + "\n", text)
    text = _STAGES.sub(lambda found: _stages(found[0]), text)
    text = _ITEM.sub(lambda found: _cut(found[1]), text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _with_fixed_ids(text)


def folded(text: str) -> str:
    """A text of long lines with fixed times in it, and its lines as the program folds them: items hang by two columns."""
    text = _AMOUNTS.sub("log 1.2 kB", _TIMES.sub("4 ms", text))
    return "\n".join(map(_fold, _COLUMN.sub(r"\1  ", text).splitlines()))


def _fold(line: str) -> str:
    if _ROW.search(line):
        return line
    indent = line[: len(line) - len(line.lstrip())]
    hanging = f"{indent if _NUMBERED.match(line) is None else ''}  " if indent or _NUMBERED.match(line) else ""
    return textwrap.fill(line, _WIDTH, subsequent_indent=hanging, break_on_hyphens=False) if line else line


def _rehearsed(text: str) -> str:
    """The report of a rehearsal, whose lines break where its times let them: put together, and folded anew."""
    return folded(_BROKEN.sub(" ", _DIGESTS.sub("digest 1", text)))


def _evidence(text: str) -> str:
    """What a plan's page says of its rehearsal, whose age decides where it is folded."""
    told = re.sub(r"[^,]* ago$", " less than a minute ago", " ".join(text.split()).removeprefix("rehearsal "))
    return textwrap.fill(f"rehearsal  {told}", _WIDTH, subsequent_indent=" " * len("rehearsal  "))


def _cut(line: str) -> str:
    return line if len(line) <= _SUMMARY_ENDS else f"{line[:_SUMMARY_ENDS].rstrip('… ')}…"


def _stages(table: str) -> str:
    """The times of long work: the columns are as wide as the longest time makes them."""
    rows = [(stage, "0.4 s", "" if stage in _WATCHED else amount) for stage, amount in _STAGE.findall(table)]
    lines = [f"{stage:<12}  {time:>5}  {amount:>6}" for stage, time, amount in (("stage", "time", "amount"), *rows)]
    return "\n".join(line.rstrip() for line in lines) + "\n" * table.endswith("\n")


def _with_fixed_ids(text: str) -> str:
    known: dict[str, str] = {}
    for found in _ID.findall(text):
        # A narrow column folds an id, so its last digit may stand below: the rest tells it from others.
        known.setdefault(found[:35], f"c0ffee00-0000-4000-8000-{len(known) + 1:011d}")
    for one, fixed in known.items():
        text = re.sub(f"{one}[0-9a-f]", f"{fixed}0", text).replace(one, fixed)
    return _FOLDED.sub(r"\g<1>0", text)
