"""The pools that the C library gives out memory from: the only place that knows there are any."""

_M_ARENA_MAX = -8  # glibc's malloc.h


def use_one_arena() -> None:
    """Let all threads take memory from one pool, where the C library is glibc; to be called before they start.

    By itself it gives each its own, up to eight for a processor, and what was freed in one is of no use to the others.
    Answers come in one thread and are used up in another, so that a sync would hold a third more than it needs.
    """
    import ctypes  # noqa: PLC0415  only where threads are about to start

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)  # decision 8
