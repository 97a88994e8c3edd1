/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_SEEN_H
#define HC_BROKER_SEEN_H
/* When people and their devices were here last, on its way into the store: a few hundred a second, in one or two calls, so that a mass of them that
 * leaves at once does not keep the store from taking messages. Each waits once at the most, however often he comes and goes. Broker thread; storing
 * is a job. */

#include <stdbool.h>
#include <stdint.h>

struct server;

/* He was here until then; later times win. */
void seen_note(struct server *server, const char *user_id, int64_t at_ms);

/* So was that device. One that the store does not have is not made by that. */
void seen_note_device(struct server *server, const char *user_id, const char *device, int64_t at_ms);

/* Whether that is still on its way (device NULL: of the person himself). */
bool seen_waits(struct server *server, const char *user_id, const char *device);

/* Each tick. */
void seen_tick(struct server *server);

/* At the stop, while the lanes take something: who is not stored yet, people first, as many as two seconds allow, and a thousand of each in any case. */
void seen_finish(struct server *server);
void seen_free_all(struct server *server);

#endif
