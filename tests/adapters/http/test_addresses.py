from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.http.addresses import Origin, Root, parse_root, root_of_location


@pytest.mark.parametrize(
    ("url", "root", "authority"),
    [
        ("http://h", Root(Origin(False, "h", 80), ""), "h"),
        ("https://H.Example/", Root(Origin(True, "h.example", 443), ""), "h.example"),
        ("ws://h:8080/a/b/", Root(Origin(False, "h", 8080), "/a/b"), "h:8080"),
        ("wss://h:80/%20", Root(Origin(True, "h", 80), "/%20"), "h:80"),
        ("http://[::1]:80", Root(Origin(False, "::1", 80), ""), "[::1]"),
        ("https://[::1]:80", Root(Origin(True, "::1", 80), ""), "[::1]:80"),
    ],
)
def test_roots(url: str, root: Root, authority: str) -> None:
    assert parse_root(url) == root
    assert root.origin.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "", "h", "ftp://h", "http://", "http:///x", "http://u@h", "http://h/?q", "http://h/#f",
        "http://h:x", "http://h:99999", "http://h/a b", "http://h/\u00e4", "http://h/\n", "http://[",
    ],
)  # fmt: skip
def test_what_is_no_root(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the standard library says it in its words
        parse_root(url)


BASE = parse_root("https://collector.example/3GPPManagement")
PATH = "/connections/7"


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("https://collector.example/3GPPManagement/connections/7", BASE),
        ("/3GPPManagement/connections/7", BASE),
        ("connections/7", BASE),
        ("HTTPS://COLLECTOR.EXAMPLE:443/3GPPManagement/connections/7", BASE),
        ("wss://collector.example/3GPPManagement/connections/7", BASE),
        ("//collector.example/x/connections/7", parse_root("https://collector.example/x")),
        ("https://collector.example:8443/connections/7", parse_root("https://collector.example:8443")),
        ("https://allowed.example/connections/7", parse_root("https://allowed.example")),
        ("https://other.example/3GPPManagement/connections/7", None),
        ("http://collector.example/3GPPManagement/connections/7", None),  # TLS to plain text
        ("http://allowed.example/connections/7", None),
        ("https://u@collector.example/connections/7", None),
        ("https://collector.example/connections/7?x=1", None),
        ("https://collector.example/elsewhere/7", None),
        ("https://[/connections/7", None),
        ("", None),
    ],
)  # fmt: skip
def test_locations(location: str, followed: Root | None) -> None:
    assert root_of_location(location, base=BASE, path=PATH, hosts={"allowed.example"}) == followed


def test_plain_text_may_lead_to_tls() -> None:
    base = parse_root("http://h")
    found = root_of_location("https://h/connections/7", base=base, path=PATH, hosts=())
    assert found == parse_root("https://h")


@given(st.text(max_size=60))
def test_no_location_raises_or_leads_away(location: str) -> None:
    found = root_of_location(location, base=BASE, path=PATH, hosts=())
    assert found is None or (found.origin.secure and found.origin.host == "collector.example")
