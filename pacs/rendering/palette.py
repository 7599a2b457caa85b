"""Palettes: plain and segmented colour tables (PS3.3 §C.7.6.3.1.5, §C.7.9.2), expanded within their own bounds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.errors import NoPicture

_CHANNELS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = range(3)


def colours(indices: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """The 8-bit RGB of the frame's palette indices. Raises NoPicture("damaged") where there is no whole palette."""
    first = int(dataset.RedPaletteColorLookupTableDescriptor[1])
    table = _eight_bits(np.stack([_channel(dataset, name) for name in _CHANNELS], axis=-1))
    return np.asarray(table[np.clip(indices.astype(np.int32) - first, 0, len(table) - 1)])


def _eight_bits(table: NDArray[Any]) -> NDArray[np.uint8]:
    # Tables said to be of 16 bits are found with 8-bit entries: shifted they would all be black.
    deep = table.dtype.itemsize > 1 and table.max() > 0xFF
    return (table >> 8 if deep else table).astype(np.uint8)


def _channel(dataset: Dataset, name: str) -> NDArray[Any]:
    entries = int(dataset[f"{name}PaletteColorLookupTableDescriptor"].value[0]) or 1 << 16
    data = dataset.get(f"{name}PaletteColorLookupTableData")
    if data is not None:
        table = _words(data, dataset, 1 if len(data) < 2 * entries else 2)
    else:
        bits = int(dataset[f"{name}PaletteColorLookupTableDescriptor"].value[2])
        segments = _words(dataset[f"Segmented{name}PaletteColorLookupTableData"].value, dataset, bits // 8)
        table = np.array(_expanded(segments.tolist(), entries, bits), segments.dtype)
    if len(table) < entries:
        raise NoPicture("damaged")
    return table[:entries]


def _words(data: bytes, dataset: Dataset, size: int) -> NDArray[Any]:
    order = "<" if dataset.original_encoding[1] else ">"
    return np.frombuffer(data, f"{order}u{size}", count=len(data) // size).astype(f"u{size}")


def _expanded(words: Sequence[int], entries: int, bits: int) -> list[int]:
    """The table that the segments stand for; it ends at `entries`, whatever they repeat."""
    table: list[int] = []
    at = 0
    while at + 2 < len(words) and len(table) < entries:
        if words[at] != _INDIRECT:
            at = _append(table, words, at)
            continue
        parts = 32 // bits
        offset_bytes = sum(word << (bits * part) for part, word in enumerate(words[at + 2 : at + 2 + parts]))
        source = offset_bytes * 8 // bits
        for _ in range(words[at + 1]):
            source = _append(table, words, source)
            if len(table) >= entries:
                break
        at += 2 + parts
    return table


def _append(table: list[int], words: Sequence[int], at: int) -> int:
    """Adds the discrete or linear segment at `at` to the table; returns where the next one begins."""
    kind, length, *values = words[at : at + 3]
    if kind == _DISCRETE and length:
        table.extend(words[at + 2 : at + 2 + length])
        return at + 2 + length
    if kind == _LINEAR and length and table:
        table.extend(np.linspace(table[-1], values[0], length + 1)[1:].round().astype(int).tolist())
        return at + 3
    raise NoPicture("damaged")
