"""Threads beside the main one: reading ahead and writing behind, through bounded queues.

FFmpeg, OpenCV and torch let other threads run while they work, so a picture is decoded and another one compressed while
the networks look at a third. A queue has a number of free places, and whoever fills one takes a place first: nobody
runs ahead without bound. Both kinds of queue hold items and free places in a `SimpleQueue` each, which a Ctrl-C in the
main thread cannot leave half changed.
"""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

_END: Any = object()


class ReadAhead(Generic[T]):
    """The items of a source, fetched in a thread of its own: an iterator and a context manager.

    What the source raises is raised here, where its item would have come. Whoever closes it takes no more items; the
    source itself is not closed, and may be once `close` has returned.

    Args:
        source: iterated in the other thread only.
        ahead: items that may wait here.
        newest: never let the source wait: where all places are taken, the oldest item is dropped.

    Attributes:
        dropped: items that gave way to newer ones.
    """

    def __init__(self, source: Iterable[T], ahead: int, *, newest: bool = False) -> None:
        self.dropped = 0
        self._newest = newest
        self._items: SimpleQueue[T] = SimpleQueue()
        self._places = _places(ahead)
        self._error: BaseException | None = None
        self._over = self._closed = False
        self._thread = Thread(target=self._read, args=(source,), name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._over or self._closed:
            raise StopIteration
        item = self._items.get()
        if item is _END:
            self._over = True
            if self._error is not None:
                raise self._error
            raise StopIteration
        self._places.put(None)
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the thread, after the item that it is fetching. May be called twice."""
        self._closed = True
        self._places.put(None)  # for a thread that waits for one
        try:
            self._thread.join()
        except BaseException:  # a Ctrl-C while it waits: the source is still in use
            self._thread.join()
            raise

    def _read(self, source: Iterable[T]) -> None:
        try:
            items = iter(source)
            while True:
                if not self._newest:
                    self._places.get()
                item = _END if self._closed else next(items, _END)
                if item is _END:
                    return
                if self._newest:
                    self._make_place()
                self._items.put(item)
        except BaseException as error:  # whatever it is, it belongs to whoever asks for the item
            self._error = error
        finally:
            self._items.put(_END)

    def _make_place(self) -> None:
        try:
            self._places.get_nowait()
        except Empty:
            try:
                self._items.get_nowait()
                self.dropped += 1
            except Empty:  # the last one was taken in between, so a place is about to be free
                self._places.get()


class WriteBehind(Generic[T]):
    """Hands items to a function, one after the other, in a thread of its own: a context manager.

    What the function raises is raised by the next `put`, or at the end; it is not called again after that. Leaving the
    `with` block waits until all is written, unless an exception leaves it: what waits is then dropped.

    Args:
        write: called in the other thread only.
        behind: items that may wait.
    """

    def __init__(self, write: Callable[[T], object], behind: int) -> None:
        self._write = write
        self._items: SimpleQueue[T] = SimpleQueue()
        self._places = _places(behind)
        self._error: BaseException | None = None
        self._dropping = False
        self._thread = Thread(target=self._work, name="write-behind", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Takes an item, once there is a place for it."""
        self._places.get()
        if self._error is not None:
            raise self._error
        self._items.put(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dropping = kind is not None
        self._items.put(_END)
        try:
            self._thread.join()
        except BaseException:  # a Ctrl-C while it waits: no more is written, and what `write` uses may be closed then
            self._dropping = True
            self._thread.join()
            raise
        if kind is None and self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._items.get()) is not _END:
            if not self._dropping and self._error is None:
                try:
                    self._write(item)
                except BaseException as failure:  # whatever it is, it belongs to whoever brought the item
                    self._error = failure
            self._places.put(None)


def _places(count: int) -> SimpleQueue[None]:
    if count < 1:
        raise ValueError(f"a queue wants at least 1 place, got {count}")
    places: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        places.put(None)
    return places
