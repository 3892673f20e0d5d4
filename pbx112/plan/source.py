"""From the bytes of `agencies.yaml` to plain data that remembers its lines.

Only the plain part of YAML is understood: mappings, lists, texts, decimal numbers, `true` and `false`.
Anchors, aliases, tags, merge keys and several documents are refused, so that what a reader sees is what is
loaded. Values that YAML's versions read differently (`0712`, `yes`, `1:30`, `+6281…` without quotes) are
kept as :class:`Bare`, which no field accepts: a telephone number never turns silently into another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from pbx112.plan.finding import Finding, show

MAX_BYTES = 256 * 1024
"""A kabupaten's file has some ten thousand; a larger one is a mistake."""

MAX_DEPTH = 10
"""Twice what the file's shape needs."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")
_NUMBER_LIKE = re.compile(r"[-+]?[0-9][0-9._-]*")

_HIDDEN_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""Ends a line, and with it a comment, for YAML but not for every editor."""

_CONTROL_CHARACTER = ("a control character stands here", "delete it, or type the line anew")


@dataclass(frozen=True, slots=True)
class Bare:
    """An unquoted value that is neither clearly a text nor clearly a number."""

    text: str

    def __str__(self) -> str:
        return self.text


class Fields(dict[str, object]):
    """A mapping of `file`. `line` is where it stands, `lines` where each of its keys stands.

    `lines` knows every key of the file, also one whose value was refused and is therefore in `faulty` and no
    longer in the mapping itself.
    """

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}
        self.faulty: set[str] = set()


class Items(list[object]):
    """A list of the file. `lines` holds the line of each item; `faulty` tells that items were refused."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.faulty = False


_REFUSED = object()
"""Stands for a value about which a finding has been made already."""


class _Unreadable(Exception):
    """Nothing that follows in the file can be read."""


def read_source(content: bytes, file: str) -> tuple[Fields | None, list[Finding]]:
    """The file's data (None where there is none to go on with) and what is wrong with it so far."""
    if len(content) > MAX_BYTES:
        what = f"the file is larger than {MAX_BYTES // 1024} KiB"
        return None, [Finding(file, 0, what, "a plan never is; is this the right file?")]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Finding(file, line, "the text is not UTF-8", "save the file as UTF-8")]
    reader = _Reader(file)
    if hidden := _HIDDEN_BREAK.search(text):
        reader.report(text.count("\n", 0, hidden.start()) + 1, *_CONTROL_CHARACTER)
        return None, reader.findings
    try:
        return reader.document(_events(text)), reader.findings
    except _Unreadable:
        pass
    except yaml.MarkedYAMLError as error:
        reader.report(*_syntax_fault(error, text))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reader.report(line, *_CONTROL_CHARACTER)
    except (ValueError, OverflowError):  # PyYAML on an escape beyond Unicode, or on a huge %YAML version
        reader.report(0, "an escape (\\U…) or a % directive is not valid YAML", "write the character itself")
    return None, reader.findings


def _events(text: str) -> Iterator[yaml.Event]:
    return iter(yaml.parse(text, Loader=yaml.SafeLoader))


def _syntax_fault(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str, str]:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return line, "a tab indents this line", "indent with spaces"
    problem = (error.problem or "it cannot be read").encode("ascii", "backslashreplace").decode()
    return line, f"not valid YAML: {problem}", "check quotes, brackets, colons and indentation up to here"


class _Reader:
    """Builds the data from the parser's events; keeps what is wrong."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def report(self, line: int, what: str, remedy: str) -> None:
        self.findings.append(Finding(self.file, line, what, remedy))

    def document(self, events: Iterator[yaml.Event]) -> Fields | None:
        root: object = None
        line, documents = 0, 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.report(_line(event), "a second document begins here", "keep one; remove this `---`")
                    return None
            elif isinstance(event, yaml.NodeEvent):
                line = _line(event)
                root = self._node(event, events, line, 1)
        if isinstance(root, Fields):
            return root
        if root is None:
            self.report(0, "the file is empty", "begin with `version: 1`")
        elif root is not _REFUSED:
            self.report(line, "the file holds no keys", "begin with `version: 1`")
        return None

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], line: int, depth: int) -> object:
        if depth > MAX_DEPTH:
            self.report(_line(event), "this is nested too deeply", "check brackets and indentation")
            raise _Unreadable
        fit = self._plain_yaml(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._fields(events, line, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(events, line, depth)
        return self._scalar(event) if isinstance(event, yaml.ScalarEvent) and fit else _REFUSED

    def _plain_yaml(self, event: yaml.Event) -> bool:
        """Whether the node has neither anchor nor tag and is no alias."""
        if isinstance(event, yaml.AliasEvent):
            self.report(
                _line(event), f"an alias ({show(event.anchor)}) is not allowed", "write the value out"
            )
            return False
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:
            self.report(_line(event), f"an anchor ({show(event.anchor)}) is not allowed", "remove it")
            return False
        if event.tag is not None:
            self.report(_line(event), f"a tag ({show(event.tag)}) is not allowed", "remove it")
            return False
        return True

    def _fields(self, events: Iterator[yaml.Event], line: int, depth: int) -> Fields:
        fields = Fields(self.file, line)
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key_line = _line(event)
            key = self._key(event, events, depth)
            value = self._node(next(events), events, key_line, depth + 1)
            if key is None:
                continue
            if key in fields.lines:
                what = f"key {show(key)} is given twice (first on line {fields.lines[key]})"
                self.report(key_line, what, "keep one of them")
                continue
            fields.lines[key] = key_line
            if value is None:
                self.report(key_line, f"key {show(key)} has no value", "give it one, or remove the key")
            if value is None or value is _REFUSED:
                fields.faulty.add(key)
            else:
                fields[key] = value
        return fields

    def _key(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> str | None:
        if isinstance(event, yaml.ScalarEvent) and self._plain_yaml(event):
            if event.value.isprintable():
                return str(event.value)
            self.report(_line(event), f"key {show(event.value)} holds an invisible character", "retype it")
        elif not isinstance(event, yaml.ScalarEvent):
            self._node(event, events, _line(event), depth + 1)
            self.report(_line(event), "a key must be a single word", "write `key: value`")
        return None

    def _items(self, events: Iterator[yaml.Event], line: int, depth: int) -> Items:
        items = Items(line)
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            item_line = _line(event)
            value = self._node(event, events, item_line, depth + 1)
            if value is None:
                self.report(item_line, "an item of this list is empty", "fill it in, or remove it")
            if value is None or value is _REFUSED:
                items.faulty = True
            else:
                items.append(value)
                items.lines.append(item_line)
        return items

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        text: str = event.value
        if not text.isprintable():
            what = f"{show(text)} holds a line break or an invisible character"
            self.report(_line(event), what, "write it on one line, in plain characters")
            return _REFUSED
        if event.style is not None:
            return text
        if text in ("", "~", "null"):
            return None
        if text in ("true", "false"):
            return text == "true"
        if match := _NUMBER.fullmatch(text):
            return float(text) if match.group(2) else int(text)
        return Bare(text) if _NUMBER_LIKE.fullmatch(text) or _has_a_yaml_type(text) else text


def _has_a_yaml_type(text: str) -> bool:
    """Whether YAML 1.1 takes the unquoted `text` for something else than a text."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], ())
    return any(pattern.match(text) for _, pattern in resolvers)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
