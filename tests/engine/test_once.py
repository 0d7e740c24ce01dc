"""What is made ready for one call each."""

from bridge.engine.once import Once


def test_each_value_is_taken_once_even_where_two_calls_want_the_same():
    kept = Once(4)
    kept.put("a", 1)
    kept.put("b", 2)
    kept.put("a", 3)
    assert [kept.take("a"), kept.take("a"), kept.take("a")] == [1, 3, None]
    assert kept.values() == [2]


def test_the_oldest_makes_room():
    kept = Once(2)
    for number in range(3):
        kept.put(number, number)
    assert len(kept) == 2
    assert kept.take(0) is None
    assert kept.take(2) == 2
