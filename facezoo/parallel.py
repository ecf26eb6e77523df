"""The devices that a training is spread over: of one host, or of several that train as one.

Data parallel: every device holds the whole network and computes its part of every batch. On
JAX (`keras.distribution`) gradients, normalisation and metrics are of the whole batch, so that
a training ends as on one device, but for rounding. On TensorFlow (`MirroredStrategy`, one host)
each device normalises its own part. Host 0 alone writes; the others need nothing but Keras on
JAX and the prepared data.
"""

import contextlib
import dataclasses
import json
import tempfile
from pathlib import Path

import keras

from facezoo import backend
from facezoo.errors import LOST_HOST, FacezooError, ParallelError


@dataclasses.dataclass(frozen=True)
class Hosts:
    """Several hosts that train as one; all say the same but for `number`.

    Args:
        coordinator: "address:port" of host 0, a port that is free there.
        count: number of hosts.
        number: of this one, from 0 to `count - 1`.

    Raises:
        ParallelError: another kind of address, or a number beyond the count.
    """

    coordinator: str
    count: int
    number: int

    def __post_init__(self):
        address, _, port = str(self.coordinator).rpartition(":")
        if not address or not port.isdigit() or not 0 < int(port) < 2**16:
            raise ParallelError(
                f"Got coordinator={self.coordinator!r}; expected the address and a free port of "
                "host 0, such as 10.0.0.1:7700."
            )
        if self.count < 1 or not 0 <= self.number < self.count:
            raise ParallelError(
                f"Got host {self.number} of {self.count}; expected a number from 0 to "
                f"{max(self.count, 1) - 1}. Number the hosts from 0, each once."
            )


class Parallel:
    """The devices of a training, and what its hosts tell one another.

    Args:
        devices: "all" local ones, how many of them, or None for the one that Keras takes.
        hosts: `Hosts`, all of whose devices take part; None for this host alone. Waits for the
            others, and has to be the first thing that a process asks of JAX.

    Attributes:
        devices: int, devices of all hosts together.
        hosts: int, number of hosts.
        host: int, number of this one; host 0 leads.

    Raises:
        ParallelError: more devices than there are, a backend that cannot, hosts that do not
            come.
    """

    def __init__(self, devices=None, hosts=None):
        self.devices, self.hosts, self.host = 1, 1, 0
        self._scope = contextlib.nullcontext
        if hosts is not None:
            if devices not in (None, "all"):
                raise ParallelError(
                    f"Got devices={devices!r} with several hosts; expected all of theirs. Leave "
                    "devices out."
                )
            self.hosts, self.host = hosts.count, hosts.number
            backend.join_hosts(hosts.coordinator, hosts.count, hosts.number)
        elif devices is None:
            return
        self.devices, self._scope = backend.data_parallel(devices if hosts is None else "all")

    @property
    def leads(self):
        """Whether this host writes the run folder."""
        return self.host == 0

    def scope(self):
        """Context in which the network is built, compiled and fitted."""
        return self._scope()

    @contextlib.contextmanager
    def minding(self):
        """Tell the loss of another host in one line.

        Raises:
            ParallelError: a host is gone.
        """
        try:
            yield
        except FacezooError:
            raise
        except (RuntimeError, ValueError) as error:
            if self.hosts == 1 or not backend.lost_host(error):
                raise
            raise ParallelError(LOST_HOST) from None

    def check(self, batch_size):
        """Refuse a batch that the devices cannot share evenly.

        Raises:
            ParallelError: says the sizes that they can.
        """
        if batch_size % self.devices:
            raise ParallelError(
                f"Got batch_size={batch_size} for {self.devices} devices; expected a multiple of "
                f"{self.devices}. Set batch_size={-(-batch_size // self.devices) * self.devices}."
            )

    def share(self, value=None):
        """Return host 0's `value`, which JSON can hold, on every host."""
        if self.hosts == 1:
            return value
        return json.loads(backend.broadcast(json.dumps(value).encode()))

    @contextlib.contextmanager
    def shared_file(self, path):
        """Give the path of host 0's file: there `path` itself, elsewhere that of a copy."""
        if self.hosts == 1:
            yield path
            return
        content = backend.broadcast(Path(path).read_bytes() if self.leads else b"")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(path or "copy.weights.h5").name
            copy.write_bytes(content)
            yield copy


@contextlib.contextmanager
def alone():
    """Do something on one host only: whatever Keras makes here is of this host."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
