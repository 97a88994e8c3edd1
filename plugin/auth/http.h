/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_HTTP_H
#define HC_AUTH_HTTP_H
/* One GET from somebody who is not trusted further than his certificate goes: https alone (also behind redirects), TLS 1.2 or newer, verified,
 * and bounded in time, size and redirects. Worker; blocks for at most HTTP_TIMEOUT_MS, unless the system's resolver takes longer.
 *
 * Between http_start and http_stop any number of threads may ask at once. The usual variables (https_proxy, no_proxy) are honoured. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum {
	HTTP_TIMEOUT_MS = 10000,
	HTTP_REDIRECTS_MAX = 3,
	HTTP_CACHE_CONTROL_MAX = 255, /* bytes of the field; what is longer counts as not there */
};

struct http_request {
	const char *url;
	const char *ca_file;      /* PEM; NULL or "": the system's authorities */
	size_t bytes_max;         /* of the body */
	const atomic_bool *abort; /* set: give up within about a second. NULL: never */
};

struct http_answer {
	struct buf body;
	char cache_control[HTTP_CACHE_CONTROL_MAX + 1]; /* "": none */
	int64_t date_s; /* when the server thinks it answered, 0: it does not say */
};

bool http_start(void);
void http_stop(void);

/* true: status 200 with the whole body; end with http_answer_fini. false: err says what happened, naming the host at most; answer is empty. */
bool http_get(const struct http_request *request, struct http_answer *answer, struct error *err);
void http_answer_fini(struct http_answer *answer);

#endif
