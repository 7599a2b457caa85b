"""Settings that are lists: divided by commas in the environment, tuples in code."""


def divided(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """The parts, without the spaces around them, none twice and none empty."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
