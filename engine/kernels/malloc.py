"""The C library's allocator, set to keep freed memory for the next array.

A training step makes and drops the same large arrays again and again. glibc by default gives
each of them back to the system at once and asks for it anew, and every fresh page costs a page
fault at its first touch: for activations of some hundred kilobytes that took longer than the
arithmetic on them.
"""

import ctypes
import functools
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_FROM_HEAP = 32 << 20  # bytes; the most that glibc allows
_KEPT = 1 << 30  # bytes


@functools.cache
def keep_freed_memory() -> bool:
    """Make glibc keep freed memory, for the whole process; elsewhere do nothing.

    One arena for all threads, since what one frees the next should find.

    Returns:
        Whether it was done.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return all(
        libc.mallopt(parameter, value)
        for parameter, value in (
            (_M_MMAP_THRESHOLD, _LARGEST_FROM_HEAP),
            (_M_TRIM_THRESHOLD, _KEPT),
            (_M_ARENA_MAX, 1),
        )
    )
