"""What differs between Keras' backends: affine kernels, seeds, determinism, devices.

Conventions of `affine_batch`, the same on every backend:
    A matrix is float32 (2, 3) and goes from the output to the input, in pixels, x before y:
    `(x_in, y_in) = matrix @ (x_out, y_out, 1)`, x to the right, y down, and the centre of
    the top left pixel at (0, 0).
    Between pixels the four neighbours are weighted (bilinear). Beyond the edge lies
    "nearest" (the edge pixel, a a a | a b c), "reflect" (c b a | a b c) or "constant" (0,
    mixed in over the last pixel: scipy's "grid-constant").
    The result is rounded to the nearest grey level. Backends agree to one grey level.
"""

import contextlib
import ctypes
import functools
import importlib
import os
import platform
import sys
import warnings

import keras
import numpy as np

from facezoo.augment import FILLS
from facezoo.errors import FacezooError, ParallelError, PixelError, unknown


def affine_batch(images, matrices, fill="nearest"):
    """Resample every picture of a batch by its own affine matrix, bilinearly.

    Args:
        images: uint8 (N, height, width, channels), 0-255; ndarray or tensor.
        matrices: float32 (N, 2, 3), output to input in pixels, x before y (see the module).
        fill: what lies beyond the edge: "nearest", "reflect" or "constant" (0).

    Returns:
        The active backend's tensor, uint8 (N, height, width, channels).

    Raises:
        PixelError: pictures that are not uint8 with four axes.
        UnknownName: another fill.
        FacezooError: a Keras backend without a kernel here.
    """
    if fill not in FILLS:
        raise unknown("fill", fill, FILLS)
    check_pixels(images)
    kernel = _KERNELS.get(keras.backend.backend())
    if kernel is None:
        raise FacezooError(
            f"Got Keras backend {keras.backend.backend()!r}; expected one of "
            f"{', '.join(_KERNELS)}. Set KERAS_BACKEND before Keras is imported."
        )
    images = keras.ops.convert_to_tensor(images)
    matrices = keras.ops.convert_to_tensor(matrices, dtype="float32")
    return kernel(images, matrices, fill)


def check_pixels(images):
    """Refuse what is not a uint8 (N, height, width, channels) array or tensor.

    Raises:
        PixelError: says what was got and how to convert it.
    """
    dtype = keras.backend.standardize_dtype(images.dtype)
    if dtype != "uint8" or len(images.shape) != 4:
        raise PixelError(
            f"Got pictures of {dtype} {tuple(images.shape)}; expected uint8 (N, height, width, "
            "channels) in 0-255. Convert them, such as np.round(x * 255).astype('uint8') for "
            "floats in 0-1."
        )


def run_litert(path, pictures):
    """Answer for pictures by a .tflite file: uint8 (N, H, W, C) -> float32 (N, K)."""
    import tensorflow as tf

    with warnings.catch_warnings(action="ignore"):  # it will move to a package of its own
        interpreter = tf.lite.Interpreter(str(path))
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], pictures.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], pictures)
    interpreter.invoke()
    return interpreter.get_tensor(answer["index"])


def run_saved_model(path, pictures):
    """Answer for pictures by a SavedModel folder: uint8 (N, H, W, C) -> float32 (N, K)."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # which holds the variables
    return loaded.serve(pictures).numpy()


def gradient(function, x):
    """Return the gradient of a function of one tensor.

    Args:
        function: tensor of the shape of `x` -> scalar tensor, of differentiable operations.
        x: floating-point tensor of the active backend, or array.

    Returns:
        The active backend's tensor, of the shape and dtype of `x`; zeros where the
        function does not depend on it.

    Raises:
        FacezooError: a Keras backend without gradients here.
    """
    name = keras.backend.backend()
    x = keras.ops.convert_to_tensor(x)
    if name == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x, unconnected_gradients="zero")
    if name == "jax":
        import jax

        return jax.grad(function)(x)
    if name == "torch":
        import torch

        x = x.detach().requires_grad_()
        value = function(x)
        if not value.requires_grad:
            return torch.zeros_like(x)
        (found,) = torch.autograd.grad(value, x, allow_unused=True, materialize_grads=True)
        return found
    raise FacezooError(
        f"Got Keras backend {name!r}; expected one of {', '.join(_KERNELS)}. Set KERAS_BACKEND "
        "before Keras is imported."
    )


def set_seeds(seed):
    """Seed Python's, numpy's and the backend's global generators.

    Args:
        seed: int of 0 or more. Layers with a `SeedGenerator` keep their own state.
    """
    keras.utils.set_random_seed(seed)


def enable_determinism():
    """Ask the backend for the same bits at every run on the same hardware.

    TensorFlow and PyTorch switch for the whole process, before the first operation; an
    operation without a deterministic form then raises. JAX needs nothing.
    """
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif name == "torch":
        import torch

        # cuBLAS reads it when it starts, and PyTorch refuses matrix products without it
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)


def keep_freed_memory():
    """Let glibc keep what it frees instead of handing it back; nothing elsewhere.

    Training frees and takes the same large buffers at every step. By default glibc gives
    them back to the system each time and every page is faulted in anew: 10,000 faults a step
    of LeNet-5 on 16 pictures, and two fifths of the processor time in the kernel; with this,
    50 and a twentieth. The process keeps its highest memory until it ends.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    for option, value in ((-1, 2**31 - 1), (-2, 64 * 2**20), (-4, 0)):
        mallopt(option, value)  # M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX of malloc.h


def jit_compile_default():
    """Return what to give `model.compile(jit_compile=...)`: False or "auto".

    On processors XLA trains convolutions slower than TensorFlow's own kernels do: 0.63 to
    0.91 of their rate on two cores in benchmarks of three networks.
    """
    on_gpu = any(not name.startswith("cpu") for name in devices())
    return "auto" if keras.backend.backend() != "tensorflow" or on_gpu else False


def data_parallel(devices):
    """Spread what is built and fitted in a context over several devices.

    Args:
        devices: "all", or a number of this host's; of several hosts only "all".

    Returns:
        (int, function): how many devices there are, and a function that makes the context.

    Raises:
        ParallelError: not that many devices, or a backend that cannot.
    """
    name = keras.backend.backend()
    if name == "jax":
        found = keras.distribution.list_devices()
    elif name == "tensorflow":
        import tensorflow as tf

        kinds = [tf.config.list_logical_devices(kind) for kind in ("TPU", "GPU", "CPU")]
        found = [device.name for device in next(filter(None, kinds))]
    else:
        raise ParallelError(
            f"Got devices={devices!r} on Keras' {name} backend; expected jax or tensorflow, on "
            "which several train together. Set KERAS_BACKEND, or leave devices out."
        )
    count = len(found) if devices == "all" else devices
    if not isinstance(count, int) or not 1 <= count <= len(found):
        raise ParallelError(
            f'Got devices={devices!r}; expected "all" or 1 to {len(found)}: {", ".join(found)}.'
        )
    if count == 1:
        return 1, contextlib.nullcontext
    if name == "jax":
        spread = keras.distribution.DataParallel(devices=found[:count], auto_shard_dataset=False)
        return count, spread.scope
    return count, tf.distribute.MirroredStrategy(found[:count]).scope


def join_hosts(coordinator, count, number):
    """Wait until all hosts are there; JAX's devices are then those of all of them.

    Args:
        coordinator: "address:port" of host 0.
        count: number of hosts.
        number: of this one, from 0.

    Raises:
        ParallelError: another backend than JAX, or hosts that do not come within two minutes.
    """
    if keras.backend.backend() != "jax":
        raise ParallelError(
            f"Got several hosts on Keras' {keras.backend.backend()} backend; expected jax. Set "
            "KERAS_BACKEND=jax on every host."
        )
    import jax

    limits = {
        "initialization_timeout": 120,
        "heartbeat_timeout_seconds": 30,
        "shutdown_timeout_seconds": 10,
    }
    try:
        with _stdout_as_stderr():  # Gloo greets there
            jax.distributed.initialize(coordinator, count, number, **limits)
            jax.devices()
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ParallelError(
            f"Got no meeting of {count} hosts at {coordinator} ({reason}); expected each to be "
            "started within two minutes, with the same address and a number of its own."
        ) from None


@contextlib.contextmanager
def _stdout_as_stderr():
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def lost_host(error):
    """Return whether an error of JAX says that another host is gone."""
    import jax

    known = isinstance(error, (jax.errors.JaxRuntimeError, ValueError))
    said = ("Gloo", "NCCL", "oordination service", "UNAVAILABLE", "closed by peer")
    return known and any(words in str(error) for words in said)


def broadcast(content):
    """Return host 0's bytes on every host of `join_hosts`."""
    import jax
    from jax.experimental import multihost_utils

    leads = jax.process_index() == 0
    size = int(multihost_utils.broadcast_one_to_all(np.int64(len(content) if leads else 0)))
    held = np.frombuffer(content, np.uint8) if leads else np.zeros(size, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(held)).tobytes()


def devices():
    """Return the backend's devices, such as ["cpu:0", "gpu:0 (NVIDIA L4)"]."""
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        found = [
            (d.device_type, tf.config.experimental.get_device_details(d).get("device_name"))
            for d in tf.config.list_physical_devices()
            if d.device_type in ("CPU", "GPU", "TPU")
        ]
    elif name == "jax":
        import jax

        found = [(d.platform, d.device_kind) for d in jax.devices()]
    elif name == "torch":
        import torch

        cards = range(torch.cuda.device_count())
        found = [("cpu", None), *(("gpu", torch.cuda.get_device_name(i)) for i in cards)]
    else:
        found = [("cpu", None)]
    return _numbered(found)


def processor():
    """Return the processor's name and the number of cores that this process may use."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:  # no Linux
        names = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {cores} {'core' if cores == 1 else 'cores'}"


def versions():
    """Return the versions that a run's results depend on, ready for JSON.

    Returns:
        Such as {"backend": "jax", "jax": "0.10.2", "keras": ..., "numpy": ..., "python": ...}.
    """
    name = keras.backend.backend()
    library = importlib.import_module(name)
    return {
        "backend": name,
        name: library.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _numbered(found):
    """[(kind, model or None)] -> ["kind:number (model)"], numbered within a kind."""
    names, counts = [], {}
    for kind, model in found:
        kind = kind.lower()
        number = counts.setdefault(kind, 0)
        counts[kind] += 1
        named = f" ({model})" if model and model.lower() != kind else ""
        names.append(f"{kind}:{number}{named}")
    return names


def _tensorflow_affine(images, matrices, fill):
    """TensorFlow: one kernel, compiled by XLA once for every shape."""
    return _tensorflow_kernel()(images, matrices, fill)


@functools.cache
def _tensorflow_kernel():
    """Return the compiled function; made once, so that every caller shares what is compiled.

    A pixel and its three neighbours are packed into one integer, so that each point costs
    one look-up. ImageProjectiveTransformV3 takes 2 to 3 times as much processor time.
    """
    import tensorflow as tf

    def affine(images, matrices, fill):
        shape = tf.shape(images)
        height, width, channels = images.shape[1:]
        rows, columns = np.indices((height, width), np.float32).reshape(2, -1)
        x, y = (
            m[:, :1] * columns + m[:, 1:2] * rows + m[:, 2:] for m in tf.unstack(matrices, axis=1)
        )  # (batch, height * width)
        x, y = (_tensorflow_fold(v, size, fill) for v, size in ((x, width), (y, height)))
        if fill == "constant":  # a frame of zeros, which all points beyond the edge read
            images = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
            height, width = height + 2, width + 2
        # Flat, a neighbour is a step away. In the last column and row the step leads to
        # another line or picture, but its weight is 0 there: no point lies beyond.
        steps = 0, channels, width * channels, (width + 1) * channels
        flat = tf.pad(tf.reshape(images, [-1]), [[0, steps[-1]]])
        packed = tf.cast(flat[: -steps[-1]], tf.int32)
        for i in (1, 2, 3):
            neighbour = tf.cast(flat[steps[i] : steps[i] - steps[-1] or None], tf.int32)
            packed = tf.bitwise.bitwise_or(packed, tf.bitwise.left_shift(neighbour, 8 * i))
        left, top = tf.cast(x, tf.int32), tf.cast(y, tf.int32)  # none is negative
        packed = tf.reshape(packed, [-1, height * width, channels])
        found = tf.gather(packed, top * width + left, batch_dims=1)
        corners = [
            tf.cast(tf.bitwise.bitwise_and(tf.bitwise.right_shift(found, 8 * i), 255), tf.float32)
            for i in range(4)
        ]
        right = (x - tf.cast(left, tf.float32))[..., None]
        down = (y - tf.cast(top, tf.float32))[..., None]
        above = corners[0] + (corners[1] - corners[0]) * right
        below = corners[2] + (corners[3] - corners[2]) * right
        grey = tf.cast(above + (below - above) * down + 0.5, tf.int32)
        return tf.reshape(tf.cast(grey, tf.uint8), shape)

    return tf.function(affine, jit_compile=True, autograph=False)


def _tensorflow_fold(place, size, fill):
    """Coordinates of any size -> the coordinates in the (framed) picture that they read."""
    import tensorflow as tf

    if fill == "constant":
        return tf.clip_by_value(place, -1.0, size) + 1.0
    if fill == "reflect":
        place = place + 0.5 - 2 * size * tf.floor((place + 0.5) / (2 * size))  # 0..2 * size
        place = tf.minimum(place, 2 * size - place) - 0.5
    return tf.clip_by_value(place, 0.0, size - 1.0)


def _jax_affine(images, matrices, fill):
    """JAX: `map_coordinates` over pictures and channels, compiled once for every shape."""
    return _jax_kernel(fill)(images, matrices)


@functools.cache
def _jax_kernel(fill):
    import jax
    import jax.numpy as jnp
    from jax.scipy.ndimage import map_coordinates

    def channel(picture, x, y):
        return map_coordinates(picture, [y, x], order=1, mode=fill, cval=0.0)

    def picture(image, matrix):
        rows, columns = jnp.indices(image.shape[:2], dtype="float32")
        x, y = (m[0] * columns + m[1] * rows + m[2] for m in matrix)
        every_channel = jax.vmap(channel, in_axes=(2, None, None), out_axes=2)
        grey = every_channel(image.astype("float32"), x, y)
        return jnp.floor(grey + 0.5).astype("uint8")

    return jax.jit(jax.vmap(picture))


def _torch_affine(images, matrices, fill):
    """PyTorch: `grid_sample`, whose coordinates run from -1 to 1 between the outer edges."""
    import torch

    padding = {"nearest": "border", "reflect": "reflection", "constant": "zeros"}[fill]
    height, width = images.shape[1:3]
    options = {"dtype": torch.float32, "device": images.device}
    rows = torch.arange(height, **options)[None, :, None]
    columns = torch.arange(width, **options)[None, None, :]
    x, y = (
        m[:, 0, None, None] * columns + m[:, 1, None, None] * rows + m[:, 2, None, None]
        for m in matrices.unbind(1)
    )  # (batch, height, width)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    sampled = torch.nn.functional.grid_sample(
        images.permute(0, 3, 1, 2).float(), grid, padding_mode=padding, align_corners=False
    )
    return (sampled + 0.5).floor().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


_KERNELS = {"tensorflow": _tensorflow_affine, "jax": _jax_affine, "torch": _torch_affine}
