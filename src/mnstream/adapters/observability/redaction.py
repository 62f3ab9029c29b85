"""Takes secrets out of texts before anybody reads them.

Rather too much than too little: a word behind "Bearer" is gone although it may have been prose.
"""

from __future__ import annotations

import re

MASK = "***"

_NAMES_OF_WHAT_IS_HIDDEN = (
    "password|passwd|passphrase|secret|client_secret|signing[_-]secret|token|access_token"
    "|refresh_token|id_token|api[_-]?key|private[_-]?key|access[_-]?key|sig|signature|cookie"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL),
        MASK,
    ),
    # Authorization: Basic abc | {'authorization': 'abc'} | (b'authorization', b'Bearer abc')
    (
        re.compile(
            r"""(?i)(\b(?:proxy-)?authorization\b['"]?\s*[:=,]\s*(?:b(?=['"]))?['"]?)"""
            r"""(?:(?:basic|bearer|digest|negotiate)\s+)?[^\s'",;)}\]]+"""
        ),
        rf"\1{MASK}",
    ),
    # A cookie has parts; Cookie: a=b; c=d | {'set-cookie': 'a=b; Path=/'} | (b'cookie', b'a=b')
    (
        re.compile(
            r"""(?i)(\bcookie(?:['"]?\s*[:=]|['"]\s*,)\s*(?:b(?=['"]))?)"""
            r"""(?:(')[^'\r\n]*|(")[^"\r\n]*|[^'"\r\n]+.*)"""
        ),
        rf"\1\2\3{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/-]+=*"), rf"\1 {MASK}"),
    # The password of a URL, up to the last @ before its path.
    (re.compile(r"(?<=://)([^\s/:@'\"]*):[^\s/'\"]*@"), rf"\1:{MASK}@"),
    (
        re.compile(
            rf"""(?i)\b({_NAMES_OF_WHAT_IS_HIDDEN})(['"]?\s*[=:]\s*(?:b(?=['"]))?['"]?)[^\s'"&,;)}}\]]+"""
        ),
        rf"\1\2{MASK}",
    ),
    # The secret of signatures as it is handed out, and a JWT, wherever they stand.
    (re.compile(r"\b(whsec_)[\w+/=-]+"), rf"\1{MASK}"),
    (re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), MASK),
)
_SECRET_FIELD = re.compile(rf"(?i)(?:{_NAMES_OF_WHAT_IS_HIDDEN}|authorization)\Z")


def redact(text: str) -> str:
    """Replace secrets by ``***``; time is linear in the length of the text.

    Secrets: values of Authorization and cookies, bearer tokens, JWTs, secrets of signatures,
    passwords in URLs, private keys in PEM, and what stands behind ``password=``, ``token:``,
    ``sig=`` and their like.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name holds nothing but a secret."""
    return _SECRET_FIELD.search(name) is not None
