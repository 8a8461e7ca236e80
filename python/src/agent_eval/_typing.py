"""Names of ``typing`` for the modules that every program imports, whether it traces an agent or not.

To type checkers they are the real ones. At run time they stand for nothing: importing ``typing`` takes as long as
everything else in ``agent_eval.trace`` together. Other modules import ``typing`` itself.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable as Callable
    from collections.abc import Iterable as Iterable
    from collections.abc import Mapping as Mapping
    from types import TracebackType as TracebackType
    from typing import Any as Any
    from typing import Literal as Literal
    from typing import Protocol as Protocol
    from typing import TypedDict as TypedDict
    from typing import TypeVar as TypeVar
    from typing import overload as overload
else:

    class Any:
        """Any value."""

        def __class_getitem__(cls, parameters: object) -> type:
            return cls

    Callable = Iterable = Literal = Mapping = TracebackType = Any

    class Protocol:
        """What a value has to offer."""

    class TypedDict(dict):
        """A dictionary with known keys."""

        def __init_subclass__(cls, total: bool = True) -> None:
            super().__init_subclass__()

    def TypeVar(name: str, **bounds: object) -> type:  # noqa: ARG001
        """Stands for a type."""
        return Any

    def overload(function: object) -> object:
        """Says that a function has several signatures."""
        return function
