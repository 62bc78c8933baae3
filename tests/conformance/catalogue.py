"""Attacks on the receiver and faults around it, by number, with the answer that each must get.

A test names its rows with `@pytest.mark.row(23)`, or `row(23, 24)`. Numbers that are left out were
merged into others. Security rules have their number in the test's name (`test_s20_…`).
"""

from typing import NamedTuple


class Row(NamedTuple):
    number: int
    case: str
    expected: str
    """What the catalogue asks for. docs/conformance.md lists where the receiver differs."""

    @property
    def label(self) -> str:
        return str(self.number)


class Rule(NamedTuple):
    label: str
    case: str


HTTP = (
    Row(1, "any method but POST", "405 and Allow: POST"),
    Row(2, "the method in lower case", "400, closed"),
    Row(3, "an unknown path", "404, the same body as for a bad token"),
    Row(4, "a slash at the end, an empty segment", "404, no redirect"),
    Row(5, "dots as a segment, plain and encoded", "404"),
    Row(7, "NUL, broken UTF-8, capitals, look-alike letters, very long names", "404"),
    Row(8, "a query", "ignored"),
    Row(9, "a length above the limit", "413 before the body"),
    Row(10, "10 GB announced, ten bytes sent", "413 at once"),
    Row(11, "chunks beyond the limit", "413"),
    Row(12, "a gzip bomb", "415 before the body"),
    Row(14, "broken gzip", "415"),
    Row(15, "another content encoding", "415"),
    Row(16, "Content-Encoding: identity", "as without"),
    Row(17, "a length and chunks in one request", "400, closed"),
    Row(18, "two lengths, a signed length, unknown transfer codings", "400, closed"),
    Row(19, "a folded header, a space before the colon, bare LF, NUL", "400, closed"),
    Row(20, "an upgrade to another protocol, with a body", "400"),
    Row(21, "pipelined deliveries", "each answered, in order"),
    Row(22, "a header of 9,000 bytes; 200 headers", "400, closed"),
    Row(23, "a body that trickles in", "408 at the deadline"),
    Row(24, "a head that trickles in", "closed at the deadline"),
    Row(25, "an idle connection", "closed"),
    Row(26, "a flood of connections", "503 or closed; stays ready"),
    Row(27, "Expect: 100-continue, and another expectation", "100 and on; 417"),
    Row(28, "HTTP/1.0; no Host; HTTP/2; TLS", "served; 400; 400; 400"),
    Row(29, "another Content-Type, or none", "accepted"),
    Row(30, "the sender leaves early", "no effect, or a whole write"),
)

HEADERS = (
    Row(31, "one of the three headers is missing or empty", "400"),
    Row(32, "header names in capitals", "200"),
    Row(33, "svix-* names only", "400"),
    Row(34, "id or timestamp twice", "400"),
    Row(35, "signature twice", "400"),
    Row(36, "signatures that a proxy joined with a comma", "400"),
    Row(37, "an id with a dot, a space, other letters, or too long", "400"),
    Row(39, "a timestamp in any form but plain seconds", "400"),
    Row(40, "299 and 301 seconds early, 300 and 301 late", "200 and 400, 200 and 400"),
    Row(41, "the receiver's clock is wrong", "400, counted, an alert"),
    Row(42, "a valid signature with an old time, of an event never seen", "400; a sweep recovers"),
    Row(43, "v1 that is empty, not base64, hex, too short or too long", "401"),
    Row(45, "v1 with a stray character before good base64", "401"),
    Row(46, "three bad v1", "401"),
    Row(47, "a good v1 among bad and unknown ones", "200"),
    Row(48, "only versions that nobody knows", "401"),
    Row(49, "the old secret, during and after a rotation", "200, 401"),
    Row(50, "a changed byte; the same JSON written anew", "401"),
    Row(51, "no secret, an empty, a labelled or a short one", "refuses to start"),
    Row(53, "the time that a near miss takes", "compared in constant time"),
)

ED25519 = (
    Row(54, "the known vector", "200"),
    Row(55, "the third of three keys without ids", "200"),
    Row(56, "0, 63 or 65 bytes; a malleated signature", "401"),
    Row(57, "unusable keys in the key set", "skipped"),
    Row(59, "v1a at a static webhook", "401"),
    Row(60, "v1 keyed with the public key", "401"),
    Row(61, "a key set of RSA keys only", "401 if it is fresh"),
)

TOKENS = (
    Row(62, "alg none, in any spelling", "401"),
    Row(63, "HS256 keyed with the public key", "401"),
    Row(64, "RS512 and PS256 with the right key", "401"),
    Row(65, "a token that brings its own key, or says where it is", "ignored, nobody is asked"),
    Row(66, "extensions that must be understood", "401"),
    Row(67, "no key id, or a strange one", "401, not logged"),
    Row(68, "a thousand key ids", "401, one fetch"),
    Row(69, "an unknown key id while no fetch is allowed", "503 and Retry-After"),
    Row(70, "expired, or from the future", "401"),
    Row(71, "no expiry", "401"),
    Row(73, "another audience", "401"),
    Row(74, "another issuer", "401"),
    Row(75, "no audience although one is configured", "401"),
    Row(76, "a valid token with another body", "200, a hint only"),
    Row(77, "what is no token", "401"),
    Row(78, "the same token with padding", "200, one event"),
    Row(79, "an RSA key of 1024 bits", "skipped"),
    Row(80, "signatures of the other kind of webhook", "401"),
)

BODIES = (
    Row(81, "a signed body that is no JSON, or hostile JSON", "200, still a hint"),
    Row(82, "signed JSON of another shape", "200, still a hint"),
    Row(84, "events of other families", "200, no effect"),
    Row(85, "unknown members, a newer version", "200"),
    Row(86, "long texts, control characters, false log lines", "200, nothing of them is kept"),
    Row(87, "an output file anywhere", "200, never fetched"),
    Row(88, "a ping to a static webhook", "200"),
)

IDENTITY = (
    Row(89, "a redelivery", "200, no second change"),
    Row(90, "a redelivery a day later, of a finished job", "200, no effect"),
    Row(91, "a recorded request, replayed when it is old", "400"),
    Row(92, "the same id with another body", "200"),
    Row(93, "another id with the same event", "200"),
    Row(94, "another end after the end", "200, no effect"),
    Row(95, "an event before the batch has its name", "200 as a hint, or 503"),
    Row(96, "an attacker's own signed event, without a token", "404"),
    Row(97, "the same with a leaked address", "200, at most one more read"),
    Row(98, "one job's token on another's path", "404"),
    Row(99, "user_metadata that names another job", "200 for the address's job"),
    Row(100, "a flood of signed events to one address", "429 and Retry-After"),
    Row(101, "an address in logs, Events or a status", "never"),
    Row(102, "a callback address in the spec", "refused"),
)

CLUSTER = (
    Row(103, "the API server is away, slow or broken", "503 and Retry-After"),
    Row(104, "the API server throttles", "503 with its Retry-After"),
    Row(105, "conflicts", "three tries, then 503"),
    Row(106, "no rights, or no valid token", "503 and an alert"),
    Row(107, "schema or policy refuses the write", "503 and an alert"),
    Row(108, "the job is gone", "200, no effect"),
    Row(109, "the job is being deleted", "200, no effect"),
    Row(110, "the job was created again", "404, or 200 without effect"),
    Row(111, "the namespace is ending", "200"),
    Row(112, "the job has ended", "200, no effect"),
    Row(113, "killed after the write", "the redelivery changes nothing"),
    Row(114, "killed before the write", "the redelivery is recorded"),
    Row(115, "a cold start", "200 after a fetch, else 503"),
    Row(116, "two replicas at once", "200 twice, one change"),
    Row(117, "a rolling update", "finishes what it accepted, refuses the rest"),
    Row(118, "Gemini cannot be read", "200 once the hint is stored"),
)

KEY_SET = (
    Row(119, "out of reach, cached keys are fresh", "200"),
    Row(120, "out of reach, cached keys are old", "200 for a day"),
    Row(121, "out of reach, nothing cached", "503 and Retry-After"),
    Row(122, "slow", "others are not delayed"),
    Row(123, "failing again and again", "one fetch for each back-off"),
    Row(125, "a redirect", "refused"),
    Row(127, "a revoked key", "401 after its time to live"),
    Row(128, "no keys; unknown kinds beside good ones", "keeps the old ones; uses the good ones"),
    Row(129, "an address of the key set without https", "refuses to start"),
)

ROWS = (
    *(*HTTP, *HEADERS, *ED25519, *TOKENS),
    *(*BODIES, *IDENTITY, *CLUSTER, *KEY_SET),
)

RULES = (
    Rule("S12", "the receiver may write lastEvent only, and sees metadata only"),
    Rule("S13", "a refused write is told from a test that failed"),
    Rule("S14", "a leaked address is worth little"),
    Rule("S15", "tokens of other services"),
    Rule("S16", "malformed requests are neither echoed nor logged"),
    Rule("S17", "only the literal form of an address"),
    Rule("S18", "callback keys and their rotation"),
    Rule("S19", "events of static webhooks"),
    Rule("S20", "floods"),
    Rule("S21", "redirects and proxies"),
    Rule("S22", "hostile texts and sizes"),
    Rule("S23", "secrets in logs"),
)
