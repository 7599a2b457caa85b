"""The cache: bounded in bytes, forgetful of what was not used, and of a study when told."""

import pytest

from pacs.caching.bounded import BoundedCache, Key

KEY = Key("study", "series", "what")


def key(number: int, study: str = "study") -> Key:
    return Key(study, f"series {number % 3}", number)


def put(cache: BoundedCache, key: Key, size_bytes: int = 400) -> None:
    with cache.filling(key.study) as filling:
        cache.put(key, f"value of {key.what}", size_bytes, filling)


def test_it_holds_no_more_bytes_than_allowed_and_keeps_what_was_used_last() -> None:
    cache = BoundedCache(10_000)
    for number in range(100):
        put(cache, key(number))
        cache.get(key(0))
        assert cache.size_bytes <= 10_000
    assert len(cache) == 10
    assert cache.get(key(0)) == "value of 0"
    assert cache.get(key(50)) is None
    assert cache.get(key(99)) == "value of 99"


def test_what_would_push_out_too_much_is_not_kept() -> None:
    cache = BoundedCache(10_000)
    put(cache, KEY, 1_300)
    assert cache.get(KEY) is None
    assert cache.size_bytes == 0


def test_nothing_is_kept_in_no_bytes() -> None:
    cache = BoundedCache(0)
    put(cache, KEY, 0)
    assert (cache.is_on, len(cache), cache.get(KEY)) == (False, 0, None)


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    cache = BoundedCache(10_000)
    put(cache, KEY, 100)
    size = cache.size_bytes
    put(cache, KEY, 300)
    assert (len(cache), cache.size_bytes) == (1, size + 200)


def test_a_study_is_dropped_whole_and_alone() -> None:
    cache = BoundedCache(1_000_000)
    for number in range(9):
        put(cache, key(number))
        put(cache, key(number, "another"))
    cache.drop("study")
    assert len(cache) == 9
    assert [cache.get(key(number)) for number in range(9)] == [None] * 9
    assert all(cache.get(key(number, "another")) for number in range(9))
    assert cache.keys("study", "series 0") == ()
    cache.drop("another")
    assert (len(cache), cache.size_bytes) == (0, 0)


@pytest.mark.parametrize("dropped", ["study", "another"])
def test_what_was_being_read_when_its_study_was_dropped_is_not_kept(dropped: str) -> None:
    cache = BoundedCache(1_000_000)
    with cache.filling("study") as filling, cache.filling("study") as other:
        cache.drop(dropped)
        cache.put(KEY, "read before", 100, filling)
        with cache.filling("study") as later:
            assert not later.is_void
    assert filling.is_void == other.is_void == (dropped == "study")
    assert (cache.get(KEY) is None) == (dropped == "study")
