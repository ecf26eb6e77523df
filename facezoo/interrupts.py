"""Ctrl-C while TensorFlow traces a function is held back until it has.

TensorFlow's C++ asks Python whether an object is a sequence and takes an exception for a yes:
a KeyboardInterrupt that comes there is lost, and tracing may never end.
"""

import contextlib
import signal
import threading

TRACING = "func_graph_from_py_func"
AGAIN = 0.1  # seconds


@contextlib.contextmanager
def held_while_tracing():
    """Within, Ctrl-C raises KeyboardInterrupt, but for TensorFlow's tracing, after it.

    Does nothing outside the main thread, or where Ctrl-C was given another meaning.
    """
    before = signal.getsignal(signal.SIGINT)
    if (
        threading.current_thread() is not threading.main_thread()
        or before is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(number, frame):
    if not _is_tracing(frame):
        raise KeyboardInterrupt
    later = threading.Timer(AGAIN, signal.raise_signal, [number])
    later.daemon = True
    later.start()


def _is_tracing(frame):
    """Whether a frame, or one that called it, is TensorFlow at work on a graph."""
    while frame is not None:
        if frame.f_code.co_name == TRACING:
            return True
        frame = frame.f_back
    return False
