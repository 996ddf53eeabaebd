"""What the marks on a run's images mean, in words."""

MARKS = "Orange dot: the handle. Blue rings: its target. Yellow line: its path so far."
INSET = (
    " Small square and inset: what the tracker compared, bright where it matches; black ring: the"
    " best match."
)


def marks_in_words(inset: bool) -> str:
    """The marks, and those of a score window if the image has its `inset`."""
    return MARKS + INSET if inset else MARKS
