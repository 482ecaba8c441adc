"""The hops of a version's way: read, written into the message, summed up."""

import json

import pytest

from sinks.control_room.hops import HOPS, RECENT, Hops, WayTimes, read_hops, with_sent

STORED = b'{"source":10,"screened":20,"decided":30,"stored":40,"sent":0,"at":1000}'


def test_a_version_says_when_the_store_had_it() -> None:
    hops = read_hops(STORED)
    assert hops == Hops(10, 20, 30, 40, 1000)
    assert hops.stored_at == 1040


@pytest.mark.parametrize("raw", [b"null", b"{}", b"[]", b'"x"', b'{"at":1}', b'{"at":"late"}'])
def test_what_is_not_a_way_is_none(raw: bytes) -> None:
    assert read_hops(raw) is None


def test_only_the_field_is_written_and_only_once() -> None:
    text = json.dumps({"reason": '"sent":0,"at":', "latency_us": json.loads(STORED)})
    body = text.replace(": ", ":").replace(", ", ",").encode()
    sent = with_sent(body, 250)
    assert json.loads(sent)["latency_us"]["sent"] == 250
    assert json.loads(sent)["reason"] == '"sent":0,"at":'
    assert with_sent(sent, 999) == sent


def test_a_message_without_hops_stays_as_it_is() -> None:
    body = b'{"id":"wl-1","latency_us":null}'
    assert with_sent(body, 250) is body


def test_percentiles_are_of_each_hop_and_of_whole_ways() -> None:
    way = WayTimes()
    for n in range(100):
        way.add(Hops(n, 100 - n, 1, 2, 0), 1000)
    said = way.hops()
    assert list(said) == [*HOPS, "total"]
    assert said["source"] == {"p50": 50, "p99": 99}
    assert said["sent"] == way.sent() == {"p50": 1000, "p99": 1000}
    # A slow source here was a quick screening there: the total is no sum of percentiles.
    assert said["total"] == {"p50": 1103, "p99": 1103}


def test_versions_without_hops_count_for_the_last_one_only() -> None:
    way = WayTimes()
    assert (way.sent(), way.hops()) == (None, None)
    way.add(None, 7)
    assert (way.sent(), way.hops()) == ({"p50": 7, "p99": 7}, None)


def test_old_versions_are_forgotten() -> None:
    way = WayTimes()
    for n in range(3 * RECENT):
        way.add(Hops(0, 0, 0, 0, 0), 1 if n < 2 * RECENT else 5)
    assert way.hops()["total"] == way.sent() == {"p50": 5, "p99": 5}
