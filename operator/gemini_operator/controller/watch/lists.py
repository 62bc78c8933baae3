"""Takes the objects out of the lists that kopf asks for, before kopf gets them.

kopf needs no more of a list than the version at which its watch begins. For each object it would
start a task with a queue of its own, keep the object for some seconds, and call a handler: with ten
thousand objects a start took twice as long (decision 0027).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gemini_operator.api import group
from gemini_operator.kube.decoding import BoundedResponse

Item = Mapping[str, Any]

LIST_KIND = f"{group.KIND}List"


def response_class(take: Callable[[Sequence[Item]], Awaitable[None]]) -> type[BoundedResponse]:
    """Return a class for answers in which lists of our kind are empty.

    Args:
        take: gets the objects of each page, in the loop that reads it, before its reader goes on.
    """

    class WithoutItems(BoundedResponse):
        async def json(self, **_: Any) -> Any:
            answer = await super().json()
            if answer.get("kind") == LIST_KIND:
                await take(answer.pop("items", None) or ())
            return answer

    return WithoutItems
