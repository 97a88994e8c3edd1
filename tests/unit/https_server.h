/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_HTTPS_SERVER_H
#define HC_TESTS_HTTPS_SERVER_H
/* A web server for tests: one thread, TLS on a port of 127.0.0.1, with an authority of its own. What it says is decided by the test, byte by byte. */

#include <stdbool.h>
#include <stddef.h>

struct https_server;

/* name: what its certificate is for, as "IP:127.0.0.1". Fails the test when it cannot be. */
struct https_server *https_server_start(const char *name);
void https_server_stop(struct https_server *server);

/* From now on a GET of that path is answered by these bytes, status line and all; each @ in them is the server's own address,
 * https://127.0.0.1:<port>. NULL: it never answers. Other paths get 404. */
void https_server_says(struct https_server *server, const char *path, const char *answer);

/* The file with the authority's certificate, and an address below the server; both stay until the next call with the same server. */
const char *https_server_authority(const struct https_server *server);
const char *https_server_url(struct https_server *server, const char *path);

/* How many requests came so far. */
unsigned https_server_count(struct https_server *server);

#endif
