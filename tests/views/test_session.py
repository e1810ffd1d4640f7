"""Sessions: their own thread does what is asked of it, and no message stays behind."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from bokeh.document import Document
from panel.io import document as panel_document

from lora_bokeh.views.shared import session as sessions
from lora_bokeh.views.shared.session import Session


class Page:
    """A document in a session, which keeps what it is to do at its next tick."""

    def __init__(self):
        self.session_context, self.ticks, self.ends = object(), [], []
        self.add_next_tick_callback = self.ticks.append
        self.on_session_destroyed = self.ends.append


def run(coroutine):
    """Run in a thread of its own: the main one may be in the event loop of the browser tests."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture
def page(monkeypatch):
    page = Page()
    monkeypatch.setattr(sessions, "session_document", lambda: page)
    return page


def test_without_a_session_whoever_asks_does_it():
    done = []
    session = Session()
    session.do(lambda: done.append(1))
    ask = session.asking(lambda: done.append(2))
    ask()
    ask()
    session.at_end(lambda: done.append(3))
    assert done == [1, 2, 2]


def test_the_session_does_in_its_own_thread_what_any_asks_and_once_a_turn(page):
    done = []

    async def serve():
        ask = Session().asking(lambda: done.append(threading.get_ident()))
        for turn in (1, 2):
            for _ in range(3):
                thread = threading.Thread(target=ask)
                thread.start()
                thread.join()
            assert page.ticks == []
            await asyncio.sleep(0)
            (tick,) = page.ticks
            page.ticks.clear()
            tick()
            assert done == [threading.get_ident()] * turn

    run(serve())


def test_what_is_asked_for_while_it_is_done_is_done_again(page):
    done = []

    async def serve():
        def act():
            if len(done) < 2:
                done.append(len(done))
                ask()

        ask = Session().asking(act)
        ask()
        for _ in range(3):
            await asyncio.sleep(0)
            page.ticks.pop()()
        assert page.ticks == []

    run(serve())
    assert done == [0, 1]


def test_nothing_is_done_for_a_page_that_is_closed_or_a_server_that_stopped(page):
    async def serve():
        session = Session()
        session.at_end(lambda: None)
        session.do(lambda: None)
        page.session_context = None
        await asyncio.sleep(0)
        return session

    session = run(serve())
    page.session_context = object()
    session.do(lambda: None)
    assert page.ticks == []
    assert len(page.ends) == 1


def test_a_message_put_aside_while_others_are_being_written_is_written(monkeypatch):
    doc, written, sent = Document(), [], asyncio.Event()

    class Connection:
        _socket = object()
        protocol = SimpleNamespace(create=lambda _kind, events: events)

    def write(_connection, msg):
        written.append(msg)
        return [sent.wait()]

    monkeypatch.setitem(panel_document.extra_socket_handlers, object, write)
    connection = Connection()

    async def serve():
        panel_document.schedule_write_events(doc, [connection], "first")
        await asyncio.sleep(0)  # it is on its way,
        sent.set()  # and there, at the very moment when another is put aside
        panel_document.schedule_write_events(doc, [connection], "last")
        for _ in range(10):
            await asyncio.sleep(0)

    run(serve())
    assert written == ["first", "last"]
