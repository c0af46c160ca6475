"""What may have become of a small text file."""

from collections.abc import Callable

OF_ANY_TEXT: dict[str, Callable[[str], str | bytes]] = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "null": lambda text: "null",
    "list": lambda text: "[]",
    "no keys": lambda text: "{}",
    "nested": lambda text: "[" * 100_000,
    "not text": lambda text: b"\xff\xfe\x00",
}


def as_bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
