/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_SEEN_H
#define HC_BROKER_SEEN_H
/* When people were here last, on its way into the store: a few hundred a second, in one call, so that a mass of people who leave at once does not
 * keep the store from taking messages. Each user waits once at the most, however often he comes and goes. Broker thread; storing is a job. */

#include <stdint.h>

struct server;

/* He was here until then; later times win. */
void seen_note(struct server *server, const char *user_id, int64_t at_ms);

/* Each tick. */
void seen_tick(struct server *server);

/* At the stop, while the lanes take something: who is not stored yet, as many as two seconds allow. */
void seen_finish(struct server *server);
void seen_free_all(struct server *server);

#endif
