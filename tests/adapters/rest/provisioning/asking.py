"""Questions to a ``ProvisioningHandler`` whose service never waits."""

from __future__ import annotations

import json
from typing import cast

import trio

from mnstream.adapters.rest.messages import HttpRequest, HttpResponse
from mnstream.adapters.rest.provisioning import ProvisioningLimits
from mnstream.adapters.runtime.provisioning import ProvisioningHandler
from mnstream.core.profiles import SEED, NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.transport import Peer
from tests.adapters.rest.provisioning.service import MemoryService

ROOT = "/3GPPManagement/ProvMnS"
URL = "https://producer.example:8443/3GPPManagement/ProvMnS"
MERGE = "application/merge-patch+json"
PATCH = "application/json-patch+json"
GPP_MERGE = "application/3gpp-merge-patch+json"
GPP_PATCH = "application/3gpp-json-patch+json"

DEFAULT_LIMITS = ProvisioningLimits()


class Asker:
    """A service, its handler, and somebody who asks."""

    def __init__(
        self,
        profile: NotificationProfile = SEED,
        *,
        base: str = "SubNetwork=1/ManagedElement=1",
        limits: ProvisioningLimits = DEFAULT_LIMITS,
    ) -> None:
        self.service = MemoryService(base)
        self.handler = ProvisioningHandler(
            self.service, root_path=ROOT, root_url=URL, profile=profile, limits=limits
        )
        self.base = f"{ROOT}/{base}"

    def request(self, request: HttpRequest) -> HttpResponse | None:
        async def answer() -> HttpResponse | None:
            return await self.handler(request, Peer())

        return trio.run(answer)

    def ask(
        self,
        method: str,
        path: str = "",
        body: Json | bytes = b"",
        **headers: str,
    ) -> HttpResponse:
        """Ask about an object below the base object; header names have underscores."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        request = HttpRequest(method=method, target=self.base + path, headers=pairs, body=text)
        response = self.request(request)
        assert response is not None
        return response

    def get(self, path: str = "", **headers: str) -> dict[str, Json]:
        response = self.ask("GET", path, **headers)
        assert response.status == 200, response
        return body_of(response)

    def attributes(self, path: str) -> dict[str, Json]:
        attributes = self.get(path)["attributes"]
        assert isinstance(attributes, dict)
        return attributes

    def put(self, path: str, **attributes: Json) -> HttpResponse:
        return self.ask("PUT", path, {"attributes": attributes})


def parsed(response: HttpResponse) -> Json:
    return cast("Json", json.loads(response.body))


def body_of(response: HttpResponse) -> dict[str, Json]:
    value = parsed(response)
    assert isinstance(value, dict)
    return value


def error_of(response: HttpResponse) -> dict[str, Json]:
    body = body_of(response)
    assert isinstance(body["error"], dict)
    assert body["error"]["errorInfo"]
    assert response.header("Content-Type") == "application/json"
    assert body.get("status", str(response.status)) == str(response.status)
    return body
