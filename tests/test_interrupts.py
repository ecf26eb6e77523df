"""Ctrl-C and TensorFlow's tracing."""

import os
import signal
import threading

import pytest

from facezoo.interrupts import held_while_tracing

tf = pytest.importorskip("tensorflow")


@pytest.fixture
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_until_a_function_is_traced(usual_handler):
    done = []

    @tf.function(autograph=False)
    def traced(x):
        os.kill(os.getpid(), signal.SIGINT)
        done.append("tracing goes on")
        return x

    with pytest.raises(KeyboardInterrupt), held_while_tracing():
        traced(tf.constant(1))
        done.append("traced")
        threading.Event().wait(60)
    assert done == ["tracing goes on", "traced"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_comes_at_once_elsewhere(usual_handler):
    with pytest.raises(KeyboardInterrupt), held_while_tracing():
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(60)
