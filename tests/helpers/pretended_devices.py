"""Devices that this machine lacks: tensors that compute on the CPU, but say they lie elsewhere and refuse to mix.

As on GPUs, an operation wants all it works on in one place, but for single numbers and indices, which may come from the
CPU; only copies go from place to place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

_CPU = torch.device("cpu")
_aten = torch.ops.aten
_COPIES = {_aten.copy_.default, _aten._to_copy.default}
_INDEXED = {_aten.index.Tensor, _aten.index_put_.default, _aten.index_put.default, _aten._index_put_impl_.default}


class MixedDevices(Exception):
    pass


# Inference mode takes shortcuts past what is made here.
torch.inference_mode = torch.no_grad  # pyright: ignore[reportAttributeAccessIssue]
_COUNT = 4


class _Several(_DummyBackendModule):
    def device_count(self) -> int:
        return _COUNT


_setup_privateuseone_for_python_backend("pretend", backend_module=_Several())


@contextmanager
def pretended_devices() -> Iterator[None]:
    """Within, tensors can be put on `pretend:0` and its likes, also by workers of a pool: modes are a thread's own."""
    alone = ThreadPoolExecutor.submit

    def submit(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def with_modes() -> Any:
            with _Elsewhere(), _Python():
                return function(*args, **kwargs)

        return alone(pool, with_modes)

    ThreadPoolExecutor.submit = submit  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with _Elsewhere(), _Python():
            yield
    finally:
        ThreadPoolExecutor.submit = alone


class _Far(Tensor):
    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor, device: torch.device) -> "_Far":
        made = Tensor._make_wrapper_subclass(
            cls,
            near.shape,
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=device,
            requires_grad=near.requires_grad,
        )
        made.near = near
        return made

    def __repr__(self) -> str:
        return f"{self.near} on {self.device}"

    def tolist(self) -> Any:
        return self.near.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        return _carried_out(func, args, kwargs or {})


class _Elsewhere(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        return _carried_out(func, args, kwargs or {})


class _Python(TorchFunctionMode):
    """What torch makes tensors of before it asks anyone: data for factories, lists that index."""

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], _Far):
            args = (args[0], _index(args[1]), *args[2:])
        return func(*args, **kwargs)


def _index(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(map(_index, key))
    return torch.tensor(key, dtype=None if key else torch.long) if isinstance(key, list) else key


def _carried_out(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    tensors: list[Tensor] = []
    near_args = [_near(arg, tensors) for arg in args]
    near_kwargs = {name: _near(arg, tensors) for name, arg in kwargs.items()}
    home = _home(func, args, kwargs.get("device"), tensors)
    if "device" in near_kwargs:
        near_kwargs["device"] = _CPU
    out = func(*near_args, **near_kwargs)
    if home == _CPU:
        return out
    return _far(out, home, {id(tensor.near): tensor for tensor in tensors if isinstance(tensor, _Far)})


def _near(arg: Any, tensors: list[Tensor]) -> Any:
    """An argument with what its tensors compute on; collects the tensors."""
    if isinstance(arg, Tensor):
        tensors.append(arg)
        return arg.near if isinstance(arg, _Far) else arg
    return [_near(one, tensors) for one in arg] if isinstance(arg, (list, tuple)) else arg


def _far(out: Any, home: torch.device, changed: Mapping[int, Tensor]) -> Any:
    """An outcome on its device; what was changed in place is the tensor it was."""
    if isinstance(out, Tensor):
        return changed.get(id(out)) if id(out) in changed else _Far(out, home)
    return type(out)(_far(one, home, changed) for one in out) if isinstance(out, (list, tuple)) else out


def _home(func: Any, args: Sequence[Any], asked: Any, tensors: Sequence[Tensor]) -> torch.device:
    """Where the outcome lies."""
    if asked is not None:
        return torch.device(asked)
    if func in _COPIES:
        return tensors[0].device
    homes = {tensor.device for tensor in tensors if tensor.device != _CPU or tensor.dim()}
    if func in _INDEXED and args[0].device != _CPU:
        homes.discard(_CPU)
    if len(homes) > 1:
        raise MixedDevices(f"{func} works on tensors of {', '.join(sorted(map(str, homes)))}")
    return next(iter(homes), _CPU)
