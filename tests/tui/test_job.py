"""Long work in slices."""

from vmtui.tui.job import Job


class Clock:
    """A clock on which a look takes a millisecond."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        self.now += 0.001
        return self.now


def counting(to: int, undone: list[int]):
    """Work of so many steps that takes back what it did when it is closed."""
    at = 0
    try:
        while at < to:
            at += 1
            yield at
    except GeneratorExit:
        undone.append(at)
        raise
    return at


def test_a_slice_ends():
    """A slice of work ends at its time, and the next goes on from there to the result."""
    job = Job(counting(100, []), "count", Clock())

    assert not job.run(0.02)
    assert 0 < job.slices < 100
    while not job.run(0.02):
        pass
    assert job.result == 100


def test_cancel_takes_back():
    """Cancelled work is closed, so that its own clean-up runs."""
    undone: list[int] = []
    job = Job(counting(100, undone), "count", Clock())
    job.run(0.01)
    job.cancel()

    assert job.cancelled
    assert job.finished
    assert [job.slices] == undone


def test_an_error_is_kept():
    """An error of the work is its outcome, not a crash."""

    def failing():
        yield 1
        raise ValueError("no")

    job = Job(failing(), "fail")
    job.run(1)

    assert str(job.error) == "no"
    assert job.finished
