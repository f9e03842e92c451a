//! What is sent: the classes by which one parser has been made to see other requests than the next one did (RFC 9112,
//! 11.2; PortSwigger's "HTTP desync attacks"; the catalogue of the http-garden project).
//!
//! `~` stands for a good Host line. Each is followed by `GET /last`, which asks to close the connection.

/// Method, target and body.
pub type Seen = (&'static str, &'static str, &'static str);

/// Name, bytes (a character is a byte), and all that a server may see of it at most, in this order: less is right if we
/// refused the rest. `/last` may be seen after these.
pub type Payload = (&'static str, &'static str, &'static [Seen]);

const HELLO: Seen = ("POST", "/a", "hello");
const EMPTY: Seen = ("POST", "/a", "");
const GET: Seen = ("GET", "/a", "");
/// Nothing of it is a request.
const NOTHING: &[Seen] = &[];

/// Requests that are as they should be: these have to be understood.
pub const GOOD: &[Payload] = &[
    ("get", "GET /a HTTP/1.1\r\n~\r\n", &[GET]),
    ("query", "GET /a?x=1&y=%2F HTTP/1.1\r\n~\r\n", &[("GET", "/a?x=1&y=%2F", "")]),
    ("length", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\n\r\nhello", &[HELLO]),
    ("chunks", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", &[HELLO]),
    ("upper case", "POST /a HTTP/1.1\r\n~TRANSFER-ENCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[HELLO]),
    ("pipeline", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\n\r\nhelloGET /a HTTP/1.1\r\n~\r\n", &[HELLO, GET]),
    ("zeros", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n00005\r\nhello\r\n000\r\n\r\n", &[HELLO]),
    ("extension", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", &[HELLO]),
    ("absolute form", "GET http://localhost/a HTTP/1.1\r\nHost: localhost\r\n\r\n", &[GET]),
    (
        "body of a request like one",
        "POST /a HTTP/1.1\r\n~Content-Length: 19\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        &[("POST", "/a", "GET /b HTTP/1.1\r\n\r\n")],
    ),
];

/// Requests that have to be refused or understood so, and of which it is clear where they end: what follows may be served.
pub const ODD: &[Payload] = &[
    (
        "TE identity first",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: identity, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[HELLO],
    ),
    (
        "TE gzip, chunked",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[HELLO],
    ),
    (
        "TE twice",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        NOTHING,
    ),
    ("TE comma", "POST /a HTTP/1.1\r\n~Transfer-Encoding: ,chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[HELLO]),
    ("TE by underscore", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\nhello", &[HELLO]),
    ("CL by underscore", "POST /a HTTP/1.1\r\n~Content_Length: 60\r\nContent-Length: 5\r\n\r\nhello", &[HELLO]),
    ("no Host", "GET /a HTTP/1.1\r\n\r\n", NOTHING),
    ("two Hosts", "GET /a HTTP/1.1\r\n~Host: other\r\n\r\n", NOTHING),
    ("Host with a path", "GET /a HTTP/1.1\r\nHost: localhost/b\r\n\r\n", NOTHING),
    ("Host with a user", "GET /a HTTP/1.1\r\nHost: x@localhost\r\n\r\n", NOTHING),
    ("absolute form of another", "GET http://other/a HTTP/1.1\r\nHost: localhost\r\n\r\n", NOTHING),
    ("CONNECT", "CONNECT localhost:80 HTTP/1.1\r\n~\r\nGET /b HTTP/1.1\r\n~\r\n", &[("GET", "/b", "")]),
    ("unknown expectation", "POST /a HTTP/1.1\r\n~Expect: foo\r\nContent-Length: 5\r\n\r\nhello", &[HELLO]),
];

/// Requests of which it is not: what follows may be served only if they were understood so.
pub const BAD: &[Payload] = &[
    // Two framings at once: as chunks, and then the connection ends (RFC 9112, 6.1), or not at all.
    (
        "CL.TE",
        "POST /a HTTP/1.1\r\n~Content-Length: 28\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\nX: y\r\n\r\n",
        &[EMPTY],
    ),
    (
        "TE.CL",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[HELLO],
    ),
    (
        "CL.TE with CL 0",
        "POST /a HTTP/1.1\r\n~Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[HELLO],
    ),
    (
        "TE.TE unknown last",
        "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
        NOTHING,
    ),
    (
        "TE identity last",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked, identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        NOTHING,
    ),
    (
        "TE twice, other last",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        NOTHING,
    ),
    (
        "TE space before colon",
        "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\nhello",
        NOTHING,
    ),
    (
        "TE tab before colon",
        "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding\t: chunked\r\n\r\nhello",
        NOTHING,
    ),
    (
        "TE vertical tab",
        "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding: \u{b}chunked\r\n\r\nhello",
        NOTHING,
    ),
    (
        "TE no-break space",
        "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding: \u{a0}chunked\r\n\r\nhello",
        NOTHING,
    ),
    ("TE quoted", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding: \"chunked\"\r\n\r\nhello", NOTHING),
    (
        "TE with parameter",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked;q=1\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        NOTHING,
    ),
    ("TE empty", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding:\r\n\r\nhello", NOTHING),
    ("TE folded", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n\r\nhello", NOTHING),
    (
        "TE in a folded line",
        "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\nhello",
        &[HELLO],
    ),
    (
        "TE after a bare CR",
        "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nX: y\rTransfer-Encoding: chunked\r\n\r\nhello",
        NOTHING,
    ),
    (
        "TE after a bare LF",
        "POST /a HTTP/1.1\r\n~X: y\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[HELLO],
    ),
    ("TE in HTTP/1.0", "POST /a HTTP/1.0\r\n~Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NOTHING),
    ("CL twice, equal", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", &[HELLO]),
    ("CL twice", "POST /a HTTP/1.1\r\n~Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", NOTHING),
    ("CL list, equal", "POST /a HTTP/1.1\r\n~Content-Length: 5, 5\r\n\r\nhello", &[HELLO]),
    ("CL list", "POST /a HTTP/1.1\r\n~Content-Length: 5, 6\r\n\r\nhello", NOTHING),
    ("CL plus", "POST /a HTTP/1.1\r\n~Content-Length: +5\r\n\r\nhello", NOTHING),
    ("CL minus", "POST /a HTTP/1.1\r\n~Content-Length: -5\r\n\r\nhello", NOTHING),
    ("CL hexadecimal", "POST /a HTTP/1.1\r\n~Content-Length: 0x5\r\n\r\nhello", NOTHING),
    ("CL two words", "POST /a HTTP/1.1\r\n~Content-Length: 5 5\r\n\r\nhello", NOTHING),
    ("CL empty", "POST /a HTTP/1.1\r\n~Content-Length:\r\n\r\nhello", NOTHING),
    ("CL point", "POST /a HTTP/1.1\r\n~Content-Length: 5.0\r\n\r\nhello", NOTHING),
    ("CL of 2^64 + 5", "POST /a HTTP/1.1\r\n~Content-Length: 18446744073709551621\r\n\r\nhello", NOTHING),
    ("CL space before colon", "POST /a HTTP/1.1\r\n~Content-Length : 5\r\n\r\nhello", NOTHING),
    ("CL with NUL", "POST /a HTTP/1.1\r\n~Content-Length: 5\0\r\n\r\nhello", NOTHING),
    ("CL folded", "POST /a HTTP/1.1\r\n~Content-Length:\r\n 5\r\n\r\nhello", NOTHING),
    (
        "CL named to be dropped",
        "POST /a HTTP/1.1\r\n~Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
        &[HELLO],
    ),
    (
        "TE named to be dropped",
        "POST /a HTTP/1.1\r\n~Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &[HELLO],
    ),
    ("Host named to be dropped", "GET /a HTTP/1.1\r\n~Connection: host\r\n\r\n", &[GET]),
    ("chunk plus", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", NOTHING),
    (
        "chunk hexadecimal mark",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        NOTHING,
    ),
    ("chunk underscore", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n", NOTHING),
    ("chunk minus", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", NOTHING),
    ("chunk space", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", &[HELLO]),
    (
        "chunk of 2^64 + 5",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
        NOTHING,
    ),
    ("chunk ended by LF", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", &[HELLO]),
    (
        "chunk extension with LF",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5;x\nhello\r\n0\r\n\r\n",
        NOTHING,
    ),
    ("chunk without end", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5\r\nhelloxx0\r\n\r\n", NOTHING),
    ("chunk too long", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", NOTHING),
    ("chunk size empty", "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", NOTHING),
    (
        "trailer of length",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n",
        &[HELLO],
    ),
    (
        "trailer of encoding",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        &[HELLO],
    ),
    (
        "trailer of Host",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nHost: other\r\n\r\n",
        &[HELLO],
    ),
    (
        "trailer that is a request",
        "POST /a HTTP/1.1\r\n~Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nGET /b HTTP/1.1\r\n\r\n",
        NOTHING,
    ),
    ("CR LF before", "\r\n\r\nGET /a HTTP/1.1\r\n~\r\n", &[GET]),
    ("LF before", "\nGET /a HTTP/1.1\r\n~\r\n", &[GET]),
    ("space before", " GET /a HTTP/1.1\r\n~\r\n", NOTHING),
    ("bare LF everywhere", "GET /a HTTP/1.1\nHost: localhost\n\n", &[GET]),
    ("bare CR ends", "GET /a HTTP/1.1\rHost: localhost\r\r", NOTHING),
    ("header without colon", "GET /a HTTP/1.1\r\n~X\r\n\r\n", NOTHING),
    ("header that is a request", "GET /a HTTP/1.1\r\n~GET /b HTTP/1.1\r\n\r\n", NOTHING),
    ("header with NUL", "GET /a HTTP/1.1\r\n~X: a\0b\r\n\r\n", NOTHING),
    ("name with NUL", "GET /a HTTP/1.1\r\n~X\0: a\r\n\r\n", NOTHING),
    ("name with space", "GET /a HTTP/1.1\r\n~X y: a\r\n\r\n", NOTHING),
    ("name of a high byte", "GET /a HTTP/1.1\r\n~X\u{e9}: a\r\n\r\n", NOTHING),
    ("first line folded", "GET /a HTTP/1.1\r\n Host: localhost\r\n~\r\n", NOTHING),
    ("absolute form, other Host", "GET http://localhost/a HTTP/1.1\r\nHost: other\r\n\r\n", &[GET]),
    ("two spaces", "GET  /a HTTP/1.1\r\n~\r\n", NOTHING),
    ("tab for space", "GET\t/a\tHTTP/1.1\r\n~\r\n", NOTHING),
    ("space in the target", "GET /a b HTTP/1.1\r\n~\r\n", NOTHING),
    ("control in the target", "GET /a\u{1} HTTP/1.1\r\n~\r\n", NOTHING),
    ("fragment", "GET /a#b HTTP/1.1\r\n~\r\n", &[GET]),
    ("HTTP/0.9", "GET /a\r\n\r\n", NOTHING),
    ("HTTP/1.2", "GET /a HTTP/1.2\r\n~\r\n", &[GET]),
    ("HTTP/2.0 in text", "GET /a HTTP/2.0\r\n~\r\n", NOTHING),
    ("version in lower case", "GET /a http/1.1\r\n~\r\n", NOTHING),
    ("refused upgrade", "GET /a HTTP/1.1\r\n~Connection: upgrade\r\nUpgrade: foo\r\n\r\n", &[GET]),
    (
        "upgrade to h2c",
        "GET /a HTTP/1.1\r\n~Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        &[GET],
    ),
    ("GET with a body", "GET /a HTTP/1.1\r\n~Content-Length: 5\r\n\r\nhello", &[("GET", "/a", "hello")]),
];
