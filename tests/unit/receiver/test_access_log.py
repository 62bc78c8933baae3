from gemini_operator.receiver.access_log import PER_ADDRESS, TOTAL, RefusalLogLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_address_gets_a_few_lines_and_the_next_one_counts_the_suppressed() -> None:
    clock = Clock()
    lines = RefusalLogLimiter(clock=clock)
    assert [lines.take("one") for _ in range(PER_ADDRESS)] == [0] * PER_ADDRESS
    assert [lines.take("one") for _ in range(1000)] == [None] * 1000
    assert lines.take("two") == 0
    clock.now += 10
    assert lines.take("one") == 1000
    assert lines.take("one") is None
    clock.now += 10
    assert lines.take("one") == 1


def test_many_addresses_share_a_budget() -> None:
    clock = Clock()
    lines = RefusalLogLimiter(clock=clock)
    taken = [lines.take(number) for number in range(10 * TOTAL)]
    assert taken.count(0) == TOTAL
    clock.now += 60
    taken = [lines.take(number) for number in range(10 * TOTAL)]
    assert sum(count is not None for count in taken) == TOTAL


def test_the_memory_for_addresses_is_bounded() -> None:
    clock = Clock()
    lines = RefusalLogLimiter(max_entries=2, clock=clock)
    for _ in range(TOTAL):
        lines.take(object())
    for address in ("forgotten", "one", "two"):
        assert lines.take(address) is None
    clock.now += 60
    assert [lines.take(address) for address in ("forgotten", "one", "two")] == [0, 1, 1]
