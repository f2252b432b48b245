"""A clock that tests set."""


class Clock:
    """The time in seconds, `now`, when it is called."""

    now = 0.0

    def __call__(self) -> float:
        return self.now
