"""Associations that are too many, too slow, too large or no associations at all: each ends, and hurts nobody else."""

import asyncio
import socket
import ssl
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from pynetdicom import build_context, build_role
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs.archive.dimse import server
from pacs.archive.dimse.options import DimseOptions, TlsFiles
from pacs.archive.options import ArchiveOptions
from pacs.peers import Peer, Peers, parse_peers
from tests.certificates import Authority
from tests.pacs.archive.dimse.network import (
    Network,
    Receiver,
    associated,
    dimse_threads,
    free_port,
    on_network,
    send,
    soon,
)
from tests.pacs.archive.dimse.peer import dataset
from tests.pacs.archive.dimse.test_store import get_command, pdata, store_command
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import running
from tests.requestor import requestor

QUICK: dict[str, Any] = {"acse_seconds": 0.5, "dimse_seconds": 0.5, "network_seconds": 0.5}
A_ABORT = 0x07


def echo(port: int, title: str = "TESTER") -> int | None:
    """The status of a C-ECHO; None when there is no association."""
    with associated(port, {Verification: [ImplicitVRLittleEndian]}, title=title) as association:
        return int(association.send_c_echo().Status) if association.is_established else None


async def works(network: Network) -> bool:
    """Whether both sides of the archive answer; of calls, which have little time on a busy machine, one is enough."""
    answer = await network.web.client.get(f"{network.web.url}/studies")
    for _ in range(5):
        if await asyncio.to_thread(echo, network.port) == 0:
            return answer.status_code in {200, 204}
    return False


def said(port: int, *data: bytes, pause_seconds: float = 0.0) -> tuple[bytes, float]:
    """What is answered to some bytes until the connection is closed, and how many seconds that took."""
    started = time.monotonic()
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for piece in data:
            connection.sendall(piece)
            time.sleep(pause_seconds)
        try:
            while piece := connection.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
    return answer, time.monotonic() - started


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">BBL", 1, 0, 0xFFFFFFFF),
        struct.pack(">BBL", 1, 0, 4) + b"abcd",
        struct.pack(">BBL", 4, 0, 10) + bytes(10),
        struct.pack(">BBL", 1, 0, 1000) + bytes(10),
    ],
    ids=["silence", "one byte", "HTTP", "4 GiB", "no request", "data first", "half a PDU"],
)
async def test_what_is_no_association_is_closed_in_time(data_dir: Path, data: bytes) -> None:
    async with on_network(data_dir, **QUICK) as network:
        _, seconds = await asyncio.to_thread(said, network.port, data)

        assert seconds < 3
        assert await works(network)


@pytest.mark.parametrize(
    "pdus",
    [
        [struct.pack(">BBL", 4, 0, 0x7FFFFFFF) + bytes(1000)],
        [b"\xff" * 100],
        [pdata(1, 3, b"no command at all")],
        [pdata(1, 3, b"")],
        [pdata(99, 3, store_command(1)[12:])],
        [pdata(1, 1, bytes(60_000)), pdata(1, 1, bytes(60_000))],
        [struct.pack(">BBL", 4, 0, 4) + b"\0\0\0\1"],
    ],
    ids=["oversized", "unknown PDU", "no command", "empty", "no context", "endless command", "fragment without data"],
)
async def test_a_broken_message_aborts_its_association_only(data_dir: Path, pdus: list[bytes]) -> None:
    async with on_network(data_dir) as network:

        def break_off() -> None:
            with associated(network.port, {CTImageStorage: [ImplicitVRLittleEndian]}) as association:
                connection = association.dul.socket
                assert connection is not None
                for pdu in pdus:
                    connection.send(pdu)
                deadline = time.monotonic() + 5
                while association.is_established and time.monotonic() < deadline:
                    time.sleep(0.02)
                assert association.is_aborted

        await asyncio.to_thread(break_off)
        assert await works(network)


async def test_a_query_larger_than_is_taken_aborts_its_association(data_dir: Path) -> None:
    async with on_network(data_dir) as network:

        def ask() -> bool:
            find = StudyRootQueryRetrieveInformationModelFind
            with associated(network.port, {find: [ImplicitVRLittleEndian]}) as association:
                wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID="", TextValue="x" * 6_000_000)
                list(association.send_c_find(wanted, find))
                time.sleep(0.2)
                return bool(association.is_aborted)

        assert await asyncio.to_thread(ask)
        assert await works(network)


async def test_an_association_that_says_nothing_more_is_aborted(data_dir: Path) -> None:
    async with on_network(data_dir, **QUICK) as network:

        def wait() -> bool:
            with associated(network.port, {Verification: [ImplicitVRLittleEndian]}) as association:
                deadline = time.monotonic() + 5
                while association.is_established and time.monotonic() < deadline:
                    time.sleep(0.02)
                return bool(association.is_aborted)

        assert await asyncio.to_thread(wait)


async def test_a_sender_that_stops_within_an_object_is_dropped_with_what_it_sent(data_dir: Path) -> None:
    async with on_network(data_dir, **QUICK) as network:

        def stall() -> bool:
            with associated(network.port, {CTImageStorage: [ImplicitVRLittleEndian]}) as association:
                connection = association.dul.socket
                assert connection is not None
                context = association.accepted_contexts[0].context_id or 0
                connection.send(store_command(context) + pdata(context, 0, bytes(100_000)))
                deadline = time.monotonic() + 5
                while association.is_established and time.monotonic() < deadline:
                    time.sleep(0.02)
                return bool(association.is_aborted)

        assert await asyncio.to_thread(stall)
        await soon(lambda: network.leftovers == [])


async def test_a_receiver_that_does_not_read_is_given_up(data_dir: Path) -> None:
    get = StudyRootQueryRetrieveInformationModelGet
    async with on_network(data_dir, **QUICK) as network:
        large = instance(EncapsulatedDocument=bytes(32_000_000))
        assert (await network.web.store(large)).status_code == 200

        def stall() -> None:
            wanted = {CTImageStorage: [str(ImplicitVRLittleEndian)], get: [str(ImplicitVRLittleEndian)]}
            with associated(network.port, wanted, receives=Receiver().keep) as association:
                (context,) = (one.context_id for one in association.accepted_contexts if one.abstract_syntax == get)
                connection = association.dul.socket
                assert connection is not None
                association.dul._is_transport_event = lambda: False  # type: ignore[method-assign]  # it reads no more
                identifier = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3.1")
                connection.send(
                    get_command(context or 0) + pdata(context or 0, 2, encode(identifier, True, True) or b"")
                )
                time.sleep(2.5)
                assert dimse_threads() == ["dimse-listener"]
                association.dul.kill_dul()
                association.is_established = False

        await asyncio.to_thread(stall)
        assert await works(network)


async def test_associations_above_the_limit_are_rejected_until_there_is_room(data_dir: Path) -> None:
    async with on_network(data_dir, most_associations=2) as network:

        def crowd() -> list[int | None]:
            wanted = {Verification: [ImplicitVRLittleEndian]}
            with associated(network.port, wanted), associated(network.port, wanted):
                crowded = echo(network.port)
            time.sleep(0.3)
            return [crowded, echo(network.port)]

        assert await asyncio.to_thread(crowd) == [None, 0]


async def test_silent_connections_do_not_use_up_the_threads(data_dir: Path) -> None:
    async with on_network(data_dir, most_associations=4) as network:
        connections = [socket.create_connection(("127.0.0.1", network.port)) for _ in range(50)]
        await asyncio.sleep(0.3)
        threads = len(dimse_threads())
        for connection in connections:
            connection.close()

        assert threads <= 1 + 2 * 2 * 4  # the listener's, and two for each of twice the associations
        await soon(lambda: dimse_threads() == ["dimse-listener"], 10)
        assert await works(network)


async def test_off_loopback_only_peers_may_call(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "is_loopback", lambda _: False)
    known, elsewhere = Peer("KNOWN", "127.0.0.1", 104), Peer("ELSEWHERE", "192.0.2.1", 104)
    async with on_network(data_dir, [known, elsewhere]) as network:
        assert await asyncio.to_thread(echo, network.port, "KNOWN") == 0
        assert await asyncio.to_thread(echo, network.port, "STRANGER") is None
        assert await asyncio.to_thread(echo, network.port, "ELSEWHERE") is None


def test_peers_are_known_by_title_and_address() -> None:
    peers = parse_peers("CT1=127.0.0.1:104, WS=[::1]:11112")

    assert peers["WS"] == Peer("WS", "::1", 11112)
    assert peers.knows("CT1", "127.0.0.1")
    assert peers.knows("CT1", "::ffff:127.0.0.1")
    assert not peers.knows("CT1", "127.0.0.2")
    assert not Peers().knows("CT1", "127.0.0.1")


@pytest.mark.parametrize("text", ["CT1", "CT1=host", "CT1=host:x", "=host:104", "CT1=:104", "CT1=host:0", "A\\B=h:1"])
def test_peers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"AET=host:port|port|AE title"):
        parse_peers(text)


async def test_with_an_authority_only_its_clients_are_let_in(data_dir: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = TlsFiles(authority.server_pem, authority.server_pem, authority.ca_pem)
    async with on_network(data_dir, tls=files) as network:

        def tries() -> list[bool]:
            contexts = (None, authority.client(is_known=False), authority.client(is_known=True))
            return [_is_let_in(network.port, context) for context in contexts]

        assert await asyncio.to_thread(tries) == [False, False, True]


async def test_objects_are_moved_over_tls(data_dir: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, second = TlsFiles(authority.server_pem, authority.server_pem, authority.ca_pem), tmp_path / "second"
    async with on_network(second, tls=first) as receiving:
        peers = [Peer("SECOND", "127.0.0.1", receiving.port)]
        async with on_network(data_dir, peers, tls=first) as network:
            assert (await network.web.store(instance())).status_code == 200

            def move() -> int:
                entity = requestor("VIEWER")
                entity.add_requested_context(StudyRootQueryRetrieveInformationModelMove)
                tls = (authority.client(is_known=True), "127.0.0.1")
                association = entity.associate("127.0.0.1", network.port, tls_args=tls)
                assert association.dul.socket is not None
                connection = association.dul.socket.socket
                wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3.1")
                answers = list(association.send_c_move(wanted, "SECOND", StudyRootQueryRetrieveInformationModelMove))
                association.release()
                assert connection is not None
                connection.close()
                return int(answers[-1][0].Status)

            assert await asyncio.to_thread(move) == 0
            assert await receiving.stored() == {"1.2.3.1.1.1"}


def _is_let_in(port: int, context: ssl.SSLContext | None) -> bool:
    """Whether the server goes on waiting for the client once TLS was, or was not, begun."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as plain:
        try:
            if context is None:
                plain.sendall(b"no TLS at all")
                return plain.recv(1) != b""
            with context.wrap_socket(plain) as secure:
                return secure.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False


async def test_a_stop_does_not_wait_for_a_receiver_that_does_not_read(data_dir: Path) -> None:
    get = StudyRootQueryRetrieveInformationModelGet
    wanted = {CTImageStorage: [str(ImplicitVRLittleEndian)], get: [str(ImplicitVRLittleEndian)]}
    options: dict[str, Any] = {"network_seconds": 60.0, "stop_seconds": 0.2}
    stalled = []
    started = 0.0
    async with running(
        ArchiveOptions(data_dir=data_dir, dimse=DimseOptions(port=(port := free_port()), **options))
    ) as web:
        assert (await web.store(instance(EncapsulatedDocument=bytes(32_000_000)))).status_code == 200

        def stall() -> None:
            association = requestor("STALLER").associate(
                "127.0.0.1",
                port,
                [build_context(one, *syntaxes) for one, syntaxes in wanted.items()],
                ext_neg=[build_role(CTImageStorage, scp_role=True)],
            )
            (context,) = (one.context_id for one in association.accepted_contexts if one.abstract_syntax == get)
            connection = association.dul.socket
            assert connection is not None
            association.dul._is_transport_event = lambda: False  # type: ignore[method-assign]  # it reads no more
            identifier = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3.1")
            connection.send(get_command(context or 0) + pdata(context or 0, 2, encode(identifier, True, True) or b""))
            stalled.append((association, connection.socket))

        await asyncio.to_thread(stall)
        await asyncio.sleep(0.5)
        started = time.monotonic()
    assert time.monotonic() - started < 8
    assert dimse_threads() == []
    for association, connection in stalled:
        association.dul.kill_dul()
        association.kill()
        if connection is not None:
            connection.close()


async def test_a_stop_lets_a_running_store_finish(data_dir: Path) -> None:
    async with on_network(data_dir) as network:
        sending = asyncio.create_task(
            asyncio.to_thread(send, network.port, instance(EncapsulatedDocument=bytes(9_000_000)))
        )
        await soon(lambda: bool(network.leftovers) or sending.done())
        (answer,) = await sending
        assert answer.Status == 0


def test_a_taken_port_and_files_that_do_not_fit_are_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="take another one"):
        server.probe(DimseOptions(port=taken.getsockname()[1]))
    text = tmp_path / "text"
    text.write_text("no PEM")
    with pytest.raises(OSError, match="PEM"):
        server.probe(DimseOptions(port=0, tls=TlsFiles(text, text)))
    with pytest.raises(OSError, match="only peers may call"):
        server.probe(DimseOptions(port=0, host="0.0.0.0"))
    server.probe(DimseOptions(port=0))
