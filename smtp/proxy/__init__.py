"""Through a proxy to a mail server: SOCKS5 (RFC 1928) and HTTP CONNECT (RFC 9110 section 9.3.6), without a socket."""
